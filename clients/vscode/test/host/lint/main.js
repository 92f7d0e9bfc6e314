// Another tool's problems, for tests: every `import NAME` whose name does not occur again is a warning F401 of `lint`.
const vscode = require('vscode');

exports.activate = (context) => {
  const problems = vscode.languages.createDiagnosticCollection('lint');
  const check = (document) => {
    if (document.languageId !== 'python' || document.uri.scheme !== 'file') {
      return;
    }
    const text = document.getText();
    const found = [...text.matchAll(/^import (\w+)$/gm)].filter(([, name]) => !new RegExp(`\\b${name}\\.`).test(text));
    problems.set(
      document.uri,
      found.map((match) => {
        const start = document.positionAt(match.index + 'import '.length);
        const range = new vscode.Range(start, start.translate(0, match[1].length));
        const problem = new vscode.Diagnostic(
          range,
          `'${match[1]}' imported but unused`,
          vscode.DiagnosticSeverity.Warning,
        );
        problem.source = 'lint';
        problem.code = 'F401';
        return problem;
      }),
    );
  };
  vscode.workspace.textDocuments.forEach(check);
  context.subscriptions.push(
    problems,
    vscode.workspace.onDidOpenTextDocument(check),
    vscode.workspace.onDidChangeTextDocument((event) => check(event.document)),
  );
};
