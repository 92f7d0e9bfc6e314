// The first minutes: from the installed extension to the first accepted hunk, without a key and without an agent.
const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const { stage } = require('./journey.cjs');

const [KEY, MISTYPED] = ['gsk-test-not-a-real-key-0123456789', 'gsk-test-not-a-real-key-0123456798'];
const journey = stage({ house: { agent: '' }, key: KEY });

journey('Practise leads from the installed extension to an accepted hunk', {}, async (window) => {
  const { page } = window;
  const began = Date.now();
  window.gestures = 0;
  await window.palette('Backburner: Practise');
  window.gestures += 1;
  await window.seesText('A small shop');
  await window.screenshot('practise');
  await window.delegate('use sum()');
  await window.lens('Read').waitFor();
  await window.click(window.lens('Read'));
  await window.peek.locator('.view-line', { hasText: 'return sum(prices)' }).first().waitFor();
  await window.leave();
  await window.click(window.lens('Accept'));
  await window.seesText('return sum(prices)');
  const seconds = (Date.now() - began) / 1000;
  console.log(`practise: ${seconds.toFixed(1)} s, ${window.gestures} gestures`);
  assert.ok(seconds < 120);
  assert.ok(window.gestures <= 6);
  await window.screenshot('practise-accepted');
  assert.equal(await page.locator('.notification-toast').count(), 0);
});

journey(
  'a task without an agent leads to a key, which goes through the environment only',
  {},
  async (window, world) => {
    const { page } = window;
    const give = async (key) => {
      await page.locator('.quick-input-widget input[type=password]').waitFor();
      await page.keyboard.type(key);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelector('.quick-input-widget')?.style.display === 'none');
    };
    await window.goTo(8, 5);
    await window.delegate('shorter please');
    for (const action of ['Paste a key', 'Use Ollama', 'Practise without a key']) {
      await window.lens(action).waitFor();
    }
    await window.screenshot('no-agent');
    await window.click(window.lens('Use Ollama'));
    await window.told('Ollama does not answer at http://127.0.0.1:9.');
    await window.screenshot('no-ollama');
    await window.palette('Notifications: Clear All Notifications');
    await window.palette('Welcome: Open Walkthrough...');
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Backburner: First Steps' }).first().click();
    const step = (title) => page.locator('.getting-started-step', { hasText: title });
    for (const title of [
      'Choose who works',
      'Delegate one function',
      'Delegate another while it cooks',
      'Read, then accept',
    ]) {
      await step(title).waitFor();
    }
    await window.screenshot('walkthrough');
    await step('Choose who works').locator('.monaco-button', { hasText: 'Set a Key…' }).click();
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Groq' }).first().waitFor();
    await page.keyboard.type('Groq');
    await page.keyboard.press('Enter');
    await give(MISTYPED);
    await page.locator('.tab', { hasText: 'lexer.py' }).click();
    await window.lensRow('stopped: key refused').waitFor();
    await window.screenshot('key-refused');
    await window.click(window.lens('Set key'));
    await give(KEY);
    await window.click(window.lens('Retry'));
    await window.lens('Read').waitFor();
    const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    const places = [world.house.base, ...['logs', 'User', 'Machine'].map((name) => `${window.server.data}/${name}`)];
    for (const secret of [MISTYPED, KEY]) {
      // The emulated providers were told in an argument which key is right.
      const others = processes.split('\n').filter((line) => !line.includes('-m emulator'));
      assert.ok(!others.some((line) => line.includes(secret)), 'the key is among the arguments of a process');
      assert.ok(!window.log().includes(secret), 'the key is in the log');
      const found = spawnSync('grep', ['-rlF', secret, ...places], { encoding: 'utf8' }).stdout.trim();
      assert.equal(found, '', 'the key is in a file');
    }
  },
);

const WISHES = '# <!-- ![it](https://h.invalid/) -->\n[limits]\ntask_usd = 50.0\n';

journey(
  'a project’s settings are shown as they are before they are approved',
  { files: { 'backburner.toml': WISHES } },
  async (window) => {
    await window.connected();
    await window.palette('Backburner: Trust Project Settings');
    await window.page.locator('.tab.active', { hasText: 'backburner.toml' }).waitFor();
    await window.seesText('<!-- ![it](https://h.invalid/) -->');
    const asked = await window.told('Approve exactly these contents of');
    await window.screenshot('trust');
    await asked.locator('.monaco-button', { hasText: 'Approve' }).click();
    await window.told('Approved');
  },
);
