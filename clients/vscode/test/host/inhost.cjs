#!/usr/bin/env node
// inhost.cjs: runs dist/test/inhost/index.cjs inside the extension host of the VS Code in VSCODE_SERVER_DIR.
const path = require('node:path');
const { startServer, runInHost } = require('./vscode.cjs');
const { makeHouse, makeWorld } = require('./world.cjs');

const noise =
  /^(Ignoring fetching|Updating additional|Creating a socket|Creation of workbench|Resolv|Extension host|\[|ChatSession)/;
const root = path.resolve(__dirname, '../..');

(async () => {
  const house = makeHouse();
  const world = makeWorld(house);
  const server = await startServer({ settings: house.settings, env: house.env });
  let code = 1;
  try {
    code = await runInHost({
      server,
      folder: world.folder,
      extension: root,
      tests: path.join(root, 'dist/test/inhost/index.cjs'),
      say: (first, ...rest) => {
        if (!noise.test(String(first))) {
          console.log(first, ...rest);
        }
      },
    });
  } catch (error) {
    console.error(error);
  } finally {
    await server.stop();
    house.remove();
  }
  process.exit(code);
})();
