// A journey: a project and a window for one test; on failure a picture and the log stay in `output/`. Journeys with the same
// person share a VS Code, a browser and a daemon: `const journey = stage({ … })`.
const { after, test } = require('node:test');
const fs = require('node:fs');
const path = require('node:path');
const assert = require('node:assert/strict');
const { makeWorld } = require('../host/world.cjs');
const { openStage, openWindow, version } = require('../host/window.cjs');

const output = path.resolve(__dirname, '../../output');

/**
 * Options as `openStage` takes them. The answer declares a journey: title, options of its window and its project, walk.
 * `open` makes the options of the window from the project.
 */
function stage(options) {
  let opened;
  after(async () => (await opened)?.close());
  return (title, { files, open, ...window } = {}, walk) => {
    test(title, { timeout: 240_000 }, async () => {
      opened ??= openStage(options);
      await perform(await opened, title, files, open ?? (() => window), walk);
    });
  };
}

async function perform(shared, title, files, options, walk) {
  const world = makeWorld(shared.house, files);
  let window;
  try {
    window = await openWindow(shared, world, options(world));
    await walk(window, world);
    assert.deepEqual([...shared.outside], [], 'a request left loopback');
  } catch (error) {
    const name = title.replace(/\W+/g, '-').toLowerCase();
    const folder = path.join(output, version());
    await window?.screenshot(`failed-${name}`);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, `failed-${name}.log`), `${window?.log() ?? ''}\n${error.stack}\n`);
    if (process.env.KEEP_HOME) {
      fs.cpSync(shared.house.home, path.join(folder, `failed-${name}-home`), {
        recursive: true,
        filter: (from) => !from.endsWith('socket'),
      });
    }
    throw error;
  } finally {
    await window?.close();
  }
}

module.exports = { stage };
