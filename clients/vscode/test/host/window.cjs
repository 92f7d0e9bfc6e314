// A VS Code for several tests, and one window of it as a person uses it: what they see and press, in a few words. Waits for
// facts, never for time.
const fs = require('node:fs');
const path = require('node:path');
const { startServer, openBrowser } = require('./vscode.cjs');
const { emulate, makeHouse } = require('./world.cjs');

const root = path.resolve(__dirname, '../..');
const VSIX = path.join(root, 'backburner.vsix');
const PATIENCE = 45_000;
const version = () => (process.env.VSCODE_SERVER_DIR || '1.139').replace(/.*-/, '');

/**
 * A house with its VS Code and its browser: what the journeys of one file share. `key`: the only one that its providers take.
 * `trust`: workspace trust is on.
 */
async function openStage({ house: wishes, key = '', settings = {}, trust = false } = {}) {
  const providers = key ? await emulate(key) : undefined;
  const house = makeHouse({ ...wishes, env: { ...providers?.env, ...wishes?.env } });
  const server = await startServer({
    settings: { ...house.settings, ...settings },
    env: house.env,
    vsix: [VSIX],
    trust,
  });
  const browser = await openBrowser(server.run);
  browser.context.setDefaultTimeout(PATIENCE);
  return {
    house,
    server,
    context: browser.context,
    outside: browser.outside,
    async close() {
      await browser.context.close();
      await server.stop();
      house.remove();
      providers?.stop();
    },
  };
}

/** Opens a window on a world's project. The linter of the tests is always there. */
async function openWindow(stage, world, { connected = true, file = 'lexer.py', line = 1, folder = world.folder } = {}) {
  const { server } = stage;
  const earlier = new Set(logFiles(server));
  const page = await stage.context.newPage();
  const lint = ['extensionDevelopmentPath', server.uri(path.join(__dirname, 'lint'))];
  const url = (at) =>
    server.url({ folder, file: at.file && path.resolve(world.folder, at.file), line: at.line, payload: [lint] });
  const open = async (at) => {
    await page.goto(url(at));
    await page.locator('[id="backburner.backburner.status"]').waitFor();
    if (at.file) {
      await page.locator('.editor-instance .view-line').first().waitFor();
      await page.locator('.editor-instance .view-lines').first().click();
    }
  };
  await open({ file, line });
  const others = [];
  const window = {
    page,
    server,
    gestures: 0,

    status: page.locator('[id="backburner.backburner.status"]'),
    lens: (text) => page.locator('.codelens-decoration a', { hasText: text }).first(),
    lensRow: (text) => page.locator('.codelens-decoration', { hasText: text }).first(),
    row: (text) => page.locator('.pane-body .monaco-list-row', { hasText: text }).first(),
    peek: page.locator('.peekview-widget'),

    /** Presses a key (or a chord), counted as one gesture. */
    async press(...keys) {
      window.gestures += 1;
      for (const key of keys) {
        await page.keyboard.press(key);
      }
    },

    /** The menu of code actions has this; opened again when it came before the server offered anything. */
    async offered(text) {
      const row = page.locator('.action-widget .monaco-list-row', { hasText: text }).first();
      for (let tries = 0; tries < 10 && !(await row.isVisible()); tries += 1) {
        await page.keyboard.press('Escape');
        await page.keyboard.press('Control+.');
        await row.waitFor({ timeout: 4000 }).catch(() => {});
      }
      await row.waitFor();
    },

    /** Closes what is read, with Escape: one gesture; again when it came so late that it had not the focus yet. */
    async leave() {
      window.gestures += 1;
      await window.peek.waitFor();
      for (let tries = 0; tries < 10 && (await window.peek.isVisible()); tries += 1) {
        await page.keyboard.press('Escape');
        await window.peek.waitFor({ state: 'detached', timeout: 2000 }).catch(() => {});
      }
      await window.peek.waitFor({ state: 'detached' });
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
      await page.locator('.quick-input-list .monaco-list-row.focused', { hasText: `line ${line} ` }).waitFor();
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
      // The row of what is typed, not one of what was said before.
      const row = page.locator('.quick-input-list .monaco-list-row.focused', { hasText: words });
      await row.filter({ hasText: 'Words that work anywhere' }).waitFor();
      await window.press('Enter');
    },

    /** Presses what a row of the queue offers inline; again when the row moved away from under the mouse. */
    async act(row, title) {
      const button = row.locator(`.action-label[aria-label^="${title}"]`);
      for (let tries = 1; ; tries += 1) {
        await row.hover();
        try {
          return await button.click({ timeout: tries < 10 ? 3000 : PATIENCE });
        } catch (error) {
          if (tries === 10) {
            throw error;
          }
        }
      }
    },

    /** Unfolds a section of the queue; again when the tree was drawn anew in that moment. */
    async unfold(title) {
      const row = (expanded) =>
        page.locator(`.pane-body .monaco-list-row[aria-expanded=${expanded}]`, { hasText: title }).first();
      await window.row(title).waitFor();
      for (let tries = 0; tries < 10 && !(await row(true).isVisible()); tries += 1) {
        await row(false).click();
        await row(true)
          .waitFor({ timeout: 2000 })
          .catch(() => {});
      }
      await row(true).waitFor();
    },

    /** What stands over something when the mouse rests there; moved away and back until it stands there. */
    async tooltip(over, text) {
      const shown = page.locator('.monaco-hover', { hasText: text });
      for (let tries = 0; tries < 10 && !(await shown.isVisible()); tries += 1) {
        await page.mouse.move(600, 300);
        await over.hover();
        await shown.waitFor({ timeout: 4000 }).catch(() => {});
      }
      await shown.waitFor();
      return shown;
    },

    /** Something was said in a notification; a toast of it may be gone by now. Answers with it, in the open list. */
    async told(text) {
      await window.palette('Notifications: Show Notifications');
      const found = page.locator('.notifications-list-container .notification-list-item', { hasText: text });
      await found.first().waitFor();
      return found;
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

    /** The Problems count of the status bar ends so, as a screen reader hears it. */
    async problems(text) {
      await page.locator(`[id="status.problems"] a[aria-label$="${text}"]`).waitFor();
    },

    async screenshot(name) {
      const folder = path.join(root, 'output', version());
      fs.mkdirSync(folder, { recursive: true });
      await page.screenshot({ path: path.join(folder, `${name}.png`) });
    },

    /** One more window on the same project, closed with this one. */
    async another(wishes) {
      const other = await openWindow(stage, world, wishes);
      others.push(other);
      return other;
    },

    async reload(at = { file, line }) {
      await open(at);
    },

    /** Lines of the extension's own log. */
    log() {
      const ours = logFiles(server).filter((name) => !earlier.has(name));
      return ours.map((name) => fs.readFileSync(name, 'utf8')).join('\n');
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

    /** Leaves the page first, so that VS Code takes its leave of the extension host. */
    async close() {
      await Promise.all(others.map((other) => other.close()));
      await page.goto('about:blank');
      await page.close();
    },
  };
  if (connected) {
    await window.connected();
  }
  return window;
}

function logFiles(server) {
  const logs = path.join(server.data, 'logs');
  const names = fs.existsSync(logs) ? fs.readdirSync(logs, { recursive: true }) : [];
  return names.filter((name) => /Backburner\.log$/.test(name)).map((name) => path.join(logs, name));
}

module.exports = { openStage, openWindow, VSIX, version };
