// The language client: what it announces, which diagnostics it sends along, and that commands are ours to register.

import * as vscode from 'vscode';
import {
  CancellationToken,
  type ClientCapabilities,
  CloseAction,
  type DynamicFeature,
  ErrorAction,
  type FeatureState,
  LanguageClient,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  type StaticFeature,
  type WorkspaceEdit,
} from 'vscode-languageclient/node';
import { SERVER_SETTINGS } from './generated';
import { alike } from './problems';
import { EXPERIMENTAL } from './protocol';
import { isReadonly } from './readonly';
import { chosen } from './settings';

export interface Launch {
  program: string;
  /** Added to the bridge's environment: keys, and nothing but keys. Never logged. */
  secrets: Record<string, string>;
}

/** A client that leaves the commands to us: they exist before the server runs, and mean more than a request. */
class Client extends LanguageClient {
  // biome-ignore lint/suspicious/noExplicitAny: the signature is the library's
  override registerFeature(feature: StaticFeature | DynamicFeature<any>): void {
    const method = 'registrationType' in feature ? feature.registrationType.method : '';
    if (method !== 'workspace/executeCommand') {
      super.registerFeature(feature);
    }
  }
}

const announce: StaticFeature = {
  fillClientCapabilities(capabilities: ClientCapabilities) {
    capabilities.experimental = { ...capabilities.experimental, backburner: EXPERIMENTAL };
  },
  initialize() {},
  getState: (): FeatureState => ({ kind: 'static' }),
  clear() {},
};

/** A client that is not started yet. `closed` is called when the connection ends without having been asked to. */
export function makeClient(launch: Launch, log: vscode.LogOutputChannel, closed: () => void): LanguageClient {
  const options: LanguageClientOptions = {
    documentSelector: [{ scheme: 'file' }],
    outputChannel: log,
    traceOutputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    diagnosticCollectionName: 'backburner',
    markdown: { isTrusted: { enabledCommands: [] }, supportThemeIcons: true },
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        closed();
        return { action: CloseAction.DoNotRestart, handled: true, message: 'The connection to the server ended.' };
      },
    },
    middleware: {
      workspace: {
        handleApplyEdit: async (params, next) =>
          (await anyReadonly(params.edit))
            ? { applied: false, failureReason: 'it is read-only here' }
            : next(params, CancellationToken.None),
        configuration: (params) => params.items.map((item) => (item.section === 'backburner' ? settings() : null)),
      },
      provideCodeActions: (document, range, context, token, next) =>
        next(document, range, { ...context, diagnostics: withAlike(document, context.diagnostics) }, token),
    },
  };
  // The library hands over exactly this environment, and nothing of the process's own beside it.
  const env = { ...process.env, ...launch.secrets };
  const run = { command: launch.program, args: ['lsp'], options: { env } };
  const client = new Client('backburner', 'Backburner', { run, debug: run }, options);
  client.registerFeature(announce);
  return client;
}

function settings(): Record<string, unknown> {
  const configuration = vscode.workspace.getConfiguration('backburner');
  return chosen(SERVER_SETTINGS, (key) => configuration.inspect(key));
}

async function anyReadonly({ documentChanges = [] }: WorkspaceEdit): Promise<boolean> {
  const changed = new Set(
    documentChanges.flatMap((change) => ('textDocument' in change ? change.textDocument.uri : [])),
  );
  const documents = vscode.workspace.textDocuments.filter(({ uri }) => changed.has(uri.toString()));
  return (await Promise.all(documents.map(isReadonly))).includes(true);
}

function withAlike(document: vscode.TextDocument, here: readonly vscode.Diagnostic[]): vscode.Diagnostic[] {
  return alike(here, vscode.languages.getDiagnostics(document.uri));
}
