// A journey: a world and a window for one test; on failure a picture and the log stay in `output/`.
const test = require('node:test');
const fs = require('node:fs');
const path = require('node:path');
const assert = require('node:assert/strict');
const { makeWorld } = require('../host/world.cjs');
const { openWindow, version } = require('../host/window.cjs');

function journey(title, { world: wishes, window: options, keep = false } = {}, walk) {
  test(title, { timeout: 240_000 }, async () => {
    const world = makeWorld(wishes);
    let window;
    try {
      window = await openWindow(world, options);
      await walk(window, world);
      assert.deepEqual([...window.outside], [], 'a request left loopback');
    } catch (error) {
      const name = title.replace(/\W+/g, '-').toLowerCase();
      const folder = path.resolve(__dirname, '../../output', version());
      await window?.screenshot(`failed-${name}`);
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, `failed-${name}.log`), `${window?.log() ?? ''}\n${error.stack}\n`);
      if (process.env.KEEP_HOME) {
        fs.cpSync(world.home, path.join(folder, `failed-${name}-home`), {
          recursive: true,
          filter: (from) => !from.endsWith('socket'),
        });
      }
      throw error;
    } finally {
      await window?.close();
      if (!keep) {
        world.remove();
      }
    }
  });
}

module.exports = { journey };
