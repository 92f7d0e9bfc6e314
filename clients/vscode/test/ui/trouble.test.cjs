// When something is missing or goes away: the window, the daemon, trust, Python, a key.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { LEXER } = require('../host/world.cjs');
const { stage } = require('./journey.cjs');

const journey = stage();

journey('a task outlives the window and the daemon', {}, async (window, world) => {
  await window.goTo(15, 5);
  await window.delegate('cook slowly');
  await window.lens('Draft').waitFor();
  await window.reload({ file: 'lexer.py', line: 15 });
  await window.lens('Draft').waitFor();
  await window.screenshot('window-restarted');

  const pid = world.house.pid();
  process.kill(pid, 'SIGKILL');
  await window.lens('Draft').waitFor({ state: 'detached' });
  await window.lens('Draft').waitFor();
  assert.match(window.log(), /the server ended; again in 0\.5 s/);
  assert.notEqual(world.house.pid(), pid);
  await window.screenshot('daemon-restarted');
});

const cells = [
  { cell_type: 'code', execution_count: null, metadata: {}, outputs: [], source: 'def f():\n    return 1' },
];
const notebook = JSON.stringify({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 });

journey(
  'where there is no file to delegate from, a sentence says what to do',
  { files: { 'cells.ipynb': notebook } },
  async (window) => {
    const { page } = window;
    const tries = async (sentence) => {
      for (const key of ['b', 'g', 'h']) {
        await window.press('Control+k', key);
        await window.told(sentence);
        await window.palette('Notifications: Clear All Notifications');
        await page.locator('.notification-list-item').first().waitFor({ state: 'hidden' });
      }
    };
    await page.keyboard.press('Control+Alt+n');
    await page.locator('.tab.active', { hasText: 'Untitled' }).waitFor();
    await window.type('def f(): pass');
    await tries('This text has no file yet: save it first.');
    await window.screenshot('untitled');
    await page.keyboard.press('Control+p');
    await page.locator('.quick-input-widget input').first().fill('cells.ipynb');
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'cells.ipynb' }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.notebookOverlay .view-line', { hasText: 'return 1' }).click();
    await window.palette('Backburner: Delegate');
    await window.told('A cell of a notebook is no file: open the notebook as text first.');
    await window.screenshot('notebook');
    await window.palette('Preferences: Open Default Settings (JSON)');
    await window.focused('.editor-instance');
    await window.palette('Backburner: Delegate');
    await window.told('Put the cursor in a file of this computer first.');
  },
);

stage({ settings: { 'files.readonlyInclude': { 'lexer.py': true } } })(
  'a file that the settings keep is not changed by accepting, and the result stays',
  {},
  async (window, world) => {
    const { page } = window;
    await window.goTo(10, 5);
    await window.delegate('shorter please');
    await window.lens('Read').click();
    await window.leave();
    await window.click(window.lens('Accept'));
    await window.told('The editor did not take the change to lexer.py (it is read-only here).');
    await window.screenshot('read-only');
    await window.seesText('words.append(word)');
    await window.lens('Accept').waitFor();
    assert.equal(await page.locator('.tab.dirty').count(), 0);
    assert.equal(world.read('lexer.py'), LEXER);
  },
);

stage({ trust: true })('nothing runs in a folder that is not trusted', { connected: false }, async (window, world) => {
  const { page } = window;
  await window.status.locator('.codicon-shield').waitFor();
  await window.click(window.status);
  await page.locator('.pane-body', { hasText: 'runs nothing in a folder that is not trusted' }).first().waitFor();
  await window.screenshot('untrusted');
  assert.doesNotMatch(window.log(), /server: /);
  assert.ok(!fs.existsSync(`${world.house.home}/state`), 'a server was here');
});

// Packages from a folder, so that nothing leaves the machine; the wheel of the server is the one inside the extension.
const offline = { PIP_NO_INDEX: '1', PIP_FIND_LINKS: path.resolve(__dirname, '../../.wheelhouse') };

stage({ house: { program: '', env: offline } })(
  'without a server the person is told once what to do, and one click installs it',
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
    const pane = page.locator('.pane-body');
    await pane.locator('.monaco-button', { hasText: 'Choose a Program…' }).waitFor();
    await pane.locator('.monaco-button', { hasText: 'Install It for This Editor' }).click();
    await window.connected();
    assert.match(window.log(), /start: running, server [\d.]+, private environment/);
    await pane.locator('.monaco-button', { hasText: 'Delegate…' }).waitFor();
    await window.screenshot('installed');
    await window.palette('Backburner: Practise');
    await window.seesText('A small shop');
  },
);

stage({ house: { program: '', python: false } })(
  'without Python the person is told what is missing',
  { connected: false },
  async (window) => {
    await window.status.locator('.codicon-warning').waitFor();
    await window.palette('Backburner: Install the Server for This Editor');
    const told = await window.told('Backburner needs Python 3.11 or newer, and none was found.');
    await told.locator('.monaco-button', { hasText: 'Choose a Program…' }).waitFor();
    await window.screenshot('no-python');
    assert.match(window.log(), /python: python3: none/);
  },
);
