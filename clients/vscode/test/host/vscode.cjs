// A real VS Code for tests: its server on a loopback port, its window in headless Chromium. The folder that
// scripts/get-vscode made is named by VSCODE_SERVER_DIR. Everything of a run lies in one temporary folder.
const { chromium } = require('playwright-core');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const CHROMIUM_ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // What the browser itself would ask its maker for.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

function installed(name) {
  const folder = path.resolve(process.env.VSCODE_SERVER_DIR || '.vscode-server-1.139');
  return fs.readFileSync(path.join(folder, `${name}.path`), 'utf8').trim();
}

/**
 * Starts a server. `settings` go over ours; `vsix` are installed first; `env` goes over the environment; `trust` true
 * turns workspace trust on. Answers with the run's folder, addresses, and `stop`.
 */
async function startServer({ settings = {}, vsix = [], env = {}, trust = false } = {}) {
  const run = fs.mkdtempSync(path.join(os.tmpdir(), 'bb-vscode-'));
  const data = path.join(run, 'data');
  const extensions = path.join(run, 'extensions');
  fs.mkdirSync(extensions, { recursive: true });
  const base = JSON.parse(fs.readFileSync(path.join(__dirname, 'settings.json'), 'utf8'));
  const merged = { ...base, 'security.workspace.trust.enabled': trust, ...settings };
  // Both: a setting of machine scope that stands only with the user's is dropped in a remote window, now and then.
  for (const scope of ['User', 'Machine']) {
    fs.mkdirSync(path.join(data, scope), { recursive: true });
    fs.writeFileSync(path.join(data, scope, 'settings.json'), JSON.stringify(merged, null, 2));
  }
  const environment = {
    ...process.env,
    EXTENSIONS_GALLERY: '{}',
    // As if started from a terminal: PATH is what the test says, no login shell is asked for its own.
    VSCODE_CLI: '1',
    HOME: run,
    XDG_CONFIG_HOME: path.join(run, 'xdg'),
    ...env,
  };
  delete environment.VSCODE_IPC_HOOK_CLI;
  const common = [
    installed('server'),
    '--accept-server-license-terms',
    ...['--telemetry-level', 'off'],
    ...['--server-data-dir', data],
    ...['--user-data-dir', data],
    ...['--extensions-dir', extensions],
  ];
  for (const file of vsix) {
    const install = [...common, '--install-extension', path.resolve(file)];
    execFileSync(installed('node'), install, { env: environment, stdio: 'pipe' });
  }
  const start = [...common, '--host', '127.0.0.1', '--port', '0', '--without-connection-token'];
  if (!trust) {
    start.push('--disable-workspace-trust');
  }
  // Without it 1.139 ignores where the extension under test and the tests are.
  start.push('--enable-smoke-test-driver');
  const child = spawn(installed('node'), start, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const port = await listening(child, path.join(run, 'server.log'));
  return { run, data, port, ...addresses(port), stop: () => stop(child, run) };
}

function listening(child, logFile) {
  return new Promise((resolve, reject) => {
    let log = '';
    const read = (chunk) => {
      log += chunk;
      fs.appendFileSync(logFile, chunk);
      const found = /agent listening on (\d+)/.exec(log);
      if (found) {
        resolve(Number(found[1]));
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => reject(new Error(`the VS Code server ended with ${code}: ${log.slice(-600)}`)));
  });
}

function addresses(port) {
  const authority = `127.0.0.1:${port}`;
  const uri = (file) => `vscode-remote://${authority}${file}`;
  const url = ({ folder, file, line = 1, column = 1, payload = [] }) => {
    const open = file
      ? [
          ['gotoLineMode', 'true'],
          ['openFile', `${uri(file)}:${line}:${column}`],
        ]
      : [];
    const all = [...payload, ...open, ['skipWelcome', 'true'], ['skipReleaseNotes', 'true']];
    const kind = folder?.endsWith('.code-workspace') ? 'workspace' : 'folder';
    const where = folder ? `${kind}=${encodeURIComponent(folder)}` : 'ew=true';
    return `http://${authority}/?${where}&payload=${encodeURIComponent(JSON.stringify(all))}`;
  };
  return { uri, url };
}

async function stop(child, run) {
  child.removeAllListeners('exit');
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 5000))]);
  // The extension host may write its last lines a moment longer.
  fs.rmSync(run, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

/** A browser; what moves without need costs more here than the editor itself. `outside` collects every address beyond loopback that something asked for; each was refused. */
async function openBrowser(run) {
  const context = await chromium.launchPersistentContext(fs.mkdtempSync(path.join(run, 'chromium-')), {
    executablePath: CHROMIUM,
    headless: true,
    viewport: { width: 1280, height: 800 },
    locale: 'en-US',
    reducedMotion: 'reduce',
    args: CHROMIUM_ARGUMENTS,
  });
  const outside = new Set();
  await context.route(
    (address) => address.hostname !== '127.0.0.1' && /^(https?|wss?):$/.test(address.protocol),
    (route) => {
      outside.add(route.request().url());
      return route.abort();
    },
  );
  return { context, page: context.pages()[0], outside };
}

/** Runs `run()` of a module inside the extension host; resolves to the exit code. */
async function runInHost({ server, folder, extension, tests, say = console.log, timeoutMs = 180_000 }) {
  const { context, page, outside } = await openBrowser(server.run);
  let timer;
  try {
    const ended = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the tests in the host took too long')), timeoutMs);
      page.exposeFunction('codeAutomationExit', resolve).catch(reject);
    });
    await page.exposeFunction('codeAutomationLog', (_level, values) => say(...values));
    const payload = [
      ['extensionDevelopmentPath', server.uri(extension)],
      ['extensionTestsPath', server.uri(tests)],
    ];
    await page.goto(server.url({ folder, payload }));
    const code = await ended;
    if (outside.size > 0) {
      throw new Error(`asked for an address beyond loopback: ${[...outside].join(' ')}`);
    }
    return code;
  } finally {
    clearTimeout(timer);
    await context.close();
  }
}

module.exports = { CHROMIUM, startServer, openBrowser, runInHost };
