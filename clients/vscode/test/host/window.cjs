// One window of VS Code as a person uses it: what they see and press, in a few words. Waits for facts, never for time.
const fs = require('node:fs');
const path = require('node:path');
const { startServer, openBrowser } = require('./vscode.cjs');

const root = path.resolve(__dirname, '../..');
const VSIX = path.join(root, 'backburner.vsix');
const PATIENCE = 45_000;
const version = () => (process.env.VSCODE_SERVER_DIR || '1.139').replace(/.*-/, '');

/** Opens a world. `vsix` false: the extension is not installed. The linter of the tests is always there. */
async function openWindow(
  world,
  { settings = {}, trust = false, connected = true, file = 'lexer.py', line = 1, folder = world.folder } = {},
) {
  const server = await startServer({
    settings: { ...world.settings, ...settings },
    env: world.env,
    vsix: [VSIX],
    trust,
  });
  const browser = await openBrowser(server.run);
  const { page } = browser;
  page.setDefaultTimeout(PATIENCE);
  const lint = ['extensionDevelopmentPath', server.uri(path.join(__dirname, 'lint'))];
  const url = (at) => server.url({ folder, file: at.file && world.file(at.file), line: at.line, payload: [lint] });
  const open = async (at) => {
    await page.goto(url(at));
    await page.locator('[id="backburner.backburner.status"]').waitFor();
    if (at.file) {
      await page.locator('.editor-instance .view-line').first().waitFor();
      await page.locator('.editor-instance .view-lines').first().click();
    }
  };
  await open({ file, line });
  const window = {
    page,
    server,
    gestures: 0,
    outside: browser.outside,

    status: page.locator('[id="backburner.backburner.status"]'),
    lens: (text) => page.locator('.codelens-decoration a', { hasText: text }).first(),
    lensRow: (text) => page.locator('.codelens-decoration', { hasText: text }).first(),
    row: (text) => page.locator('.pane-body .monaco-list-row', { hasText: text }).first(),
    peek: page.locator('.peekview-widget'),
    toast: (text) => page.locator('.notification-toast', { hasText: text }).first(),

    /** Presses a key (or a chord), counted as one gesture. */
    async press(...keys) {
      window.gestures += 1;
      for (const key of keys) {
        await page.keyboard.press(key);
      }
    },

    async click(locator) {
      window.gestures += 1;
      await locator.click();
    },

    async type(text) {
      await page.keyboard.type(text);
    },

    /** Puts the cursor on a line (from 1), as Ctrl+G does. */
    async goTo(line, column = 1) {
      await page.keyboard.press('Control+g');
      await page.locator('.quick-input-widget input').first().fill(`:${line}:${column}`);
      await page.keyboard.press('Enter');
      await page.locator('[id="status.editor.selection"]', { hasText: `Ln ${line}, Col ${column}` }).waitFor();
    },

    async palette(title) {
      await page.keyboard.press('F1');
      await page.locator('.quick-input-widget input').first().fill(`>${title}`);
      await page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first().waitFor();
      await page.keyboard.press('Enter');
    },

    /** The one box: opened by its chord, words typed, Enter. Two gestures. */
    async delegate(words) {
      await window.press('Control+k', 'b');
      await page.locator('.quick-input-widget .quick-input-title', { hasText: 'Delegate' }).waitFor();
      await window.type(words);
      await page.locator('.quick-input-list .monaco-list-row', { hasText: words }).first().waitFor();
      await window.press('Enter');
    },

    /** The text of the editor that is before the person, as far as it is in view. */
    async text() {
      const lines = await page.locator('.editor-instance .view-lines .view-line').allInnerTexts();
      return lines.map((content) => content.replaceAll('\u00a0', ' ')).join('\n');
    },

    async seesText(text, present = true) {
      const found = page.locator('.editor-instance .view-line', { hasText: text }).first();
      await found.waitFor({ state: present ? 'visible' : 'detached' });
    },

    async cursor() {
      return page.locator('[id="status.editor.selection"]').textContent();
    },

    async focused(part) {
      await page.waitForFunction((wanted) => document.activeElement?.closest(wanted) !== null, part);
    },

    /** What the Problems count of the status bar says, as a screen reader hears it. */
    async problems() {
      return (await page.locator('[id="status.problems"] a').getAttribute('aria-label')) ?? '';
    },

    async screenshot(name) {
      const folder = path.join(root, 'output', version());
      fs.mkdirSync(folder, { recursive: true });
      await page.screenshot({ path: path.join(folder, `${name}.png`) });
    },

    async reload(at = { file, line }) {
      await open(at);
    },

    /** Lines of the extension's own log. */
    log() {
      const found = [];
      const walk = (where) => {
        for (const entry of fs.existsSync(where) ? fs.readdirSync(where, { withFileTypes: true }) : []) {
          const full = path.join(where, entry.name);
          if (entry.isDirectory()) {
            walk(full);
          } else if (/Backburner\.log$/.test(entry.name)) {
            found.push(fs.readFileSync(full, 'utf8'));
          }
        }
      };
      walk(path.join(server.data, 'logs'));
      return found.join('\n');
    },

    /** The server runs, `times` times by now. */
    async connected(times = 1) {
      for (let waited = 0; window.log().split('start: running').length <= times; waited += 100) {
        if (waited > PATIENCE) {
          throw new Error('the server did not start');
        }
        await page.waitForTimeout(100);
      }
    },

    async close() {
      await browser.context.close();
      await server.stop();
    },
  };
  if (connected) {
    await window.connected();
  }
  return window;
}

module.exports = { openWindow, VSIX, version };
