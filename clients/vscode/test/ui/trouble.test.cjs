// When something is missing or goes away: the window, the daemon, trust, Python, a key.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { stage } = require('./journey.cjs');

const journey = stage();

journey('a task outlives the window and the daemon', {}, async (window, world) => {
  await window.goTo(15, 5);
  await window.delegate('cook slowly');
  await window.lens('Draft').waitFor();
  await window.reload({ file: 'lexer.py', line: 15 });
  await window.lens('Draft').waitFor();
  await window.screenshot('window-restarted');

  const pid = Number(/process (\d+)/.exec(world.house.daemon('status'))?.[1]);
  assert.ok(pid > 1, `no daemon: ${world.house.daemon('status')}`);
  process.kill(pid, 'SIGKILL');
  await window.lens('Draft').waitFor({ state: 'detached' });
  await window.lens('Draft').waitFor();
  assert.match(window.log(), /the server ended; again in 0\.5 s/);
  assert.notEqual(Number(/process (\d+)/.exec(world.house.daemon('status'))?.[1]), pid);
  await window.screenshot('daemon-restarted');
});

stage({ trust: true })('nothing runs in a folder that is not trusted', { connected: false }, async (window, world) => {
  const { page } = window;
  await window.status.locator('.codicon-shield').waitFor();
  await window.click(window.status);
  await page.locator('.pane-body', { hasText: 'runs nothing in a folder that is not trusted' }).first().waitFor();
  await window.screenshot('untrusted');
  assert.doesNotMatch(window.log(), /server: /);
  assert.ok(!fs.existsSync(`${world.house.home}/state`), 'a server was here');
});

stage({ house: { program: '' } })(
  'without a server the person is told once what to do',
  { connected: false },
  async (window) => {
    const { page } = window;
    await window.status.locator('.codicon-warning').waitFor();
    const told = await window.told('The Backburner server was not found');
    await told.locator('.monaco-button', { hasText: 'Install It for This Editor' }).waitFor();
    await window.screenshot('no-server');
    assert.equal(await told.count(), 1);
    for (const line of ['setting backburner.server.path: none', 'PATH: none', 'private environment: none']) {
      assert.match(window.log(), new RegExp(`server: ${line}`));
    }
    await page.keyboard.press('Escape');
    await window.palette('Backburner: Show Queue');
    await page.locator('.pane-body .monaco-button', { hasText: 'Choose a Program…' }).waitFor();
  },
);
