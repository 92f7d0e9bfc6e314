// From the screen to a verdict: delegate on unsaved text, type meanwhile, read, accept one hunk, reject one, undo.
const assert = require('node:assert/strict');
const { LEXER } = require('../host/world.cjs');
const { stage } = require('./journey.cjs');

const journey = stage();

journey('a result is read in place, taken hunk by hunk and taken back', {}, async (window, world) => {
  const { page } = window;
  await window.goTo(1);
  await page.keyboard.type('# mine');
  await page.keyboard.press('Enter');
  await window.goTo(10, 5);
  window.gestures = 0;
  await window.delegate('shorter please');
  assert.equal(window.gestures, 2, 'from key press to running agent');
  await window.lensRow('#1').waitFor();
  await window.screenshot('delegated');

  await window.goTo(1, 7);
  await page.keyboard.type(' too');
  await window.lens('Read').waitFor();
  await window.status.locator('.codicon-check').waitFor();
  await window.problems('Infos: 1');
  assert.equal(await page.locator('.notification-toast').count(), 0, 'something popped up');
  assert.equal(world.read('lexer.py'), LEXER, 'the file on disk was touched');
  await window.screenshot('ready');

  await window.goTo(9, 5);
  window.gestures = 0;
  await window.press('Control+k', 'l');
  // The sentence and the beginning of the first hunk; how many lines of it fit depends on the version.
  await window.peek.locator('.view-line', { hasText: 'parse() is one expression now.' }).waitFor();
  await window.peek.locator('.view-line', { hasText: 'words = []' }).waitFor();
  assert.equal(window.gestures, 1, 'gestures to read');
  await window.screenshot('read');
  await window.leave();
  await page.locator('[id="status.editor.selection"]', { hasText: 'Ln 9, Col 5' }).waitFor();
  await window.lens('Accept').waitFor();

  window.gestures = 0;
  await window.press('Control+k', 'k');
  await page.locator('.monaco-diff-editor .line-insert').first().waitFor();
  assert.equal(window.gestures, 1, 'gestures to review');
  await window.screenshot('review');
  const first = await window.cursor();
  await window.palette('Backburner: Next Hunk');
  await page.locator('[id="status.editor.selection"]', { hasText: 'Ln 14' }).waitFor();
  await window.palette('Backburner: Previous Hunk');
  await page.locator('[id="status.editor.selection"]', { hasText: first }).waitFor();
  window.gestures = 0;
  await window.press('Control+k', 'j');
  await page.locator('.editor.original .view-line', { hasText: 'return re.findall' }).waitFor();
  assert.equal(window.gestures, 1, 'gestures to accept');
  // The other one from the left side, in front of the line that it adds.
  await page.locator('.editor.original .view-line', { hasText: 'def count' }).click();
  await window.press('Control+k', 'x');
  await page.locator('.monaco-diff-editor').waitFor({ state: 'detached' });
  await window.seesText('# mine too');
  await window.seesText('return re.findall');
  await window.seesText('How many words', false);
  await window.lensRow('#1').waitFor({ state: 'detached' });
  await window.screenshot('judged');

  await page.keyboard.press('Control+z');
  await window.seesText('words.append(word)');
  await window.seesText('# mine too');
  await window.lensRow('#1').waitFor();
  await window.screenshot('taken-back');
});

journey('one journey without a mouse, and the queue by keyboard', {}, async (window) => {
  const { page } = window;
  await window.goTo(15, 1);
  await window.delegate('shorter please');
  await window.lens('Read').waitFor();
  await window.press('Control+k', 'n');
  await window.peek.locator('.view-line', { hasText: 'Shorter parse()' }).first().waitFor();
  await window.leave();
  await window.press('Control+k', 'q');
  await window.row('#1').waitFor();
  await window.focused('.pane-body');
  const spoken = (await window.row('#1').getAttribute('aria-label')) ?? '';
  assert.match(spoken, /Ready, #1 Shorter parse\(\)/);
  await window.screenshot('queue');
  await window.press('Enter');
  await window.leave();
  await window.press('Control+k', 'a');
  await page.locator('.quick-input-list .monaco-list-row', { hasText: '#1 Accept all' }).waitFor();
  for (const action of ['#1 Reject all', '#1 Reply…', '#1 Run again', '#1 Review side by side', 'Delegate…']) {
    await page.locator('.quick-input-list .monaco-list-row', { hasText: action }).first().waitFor();
  }
  await window.screenshot('actions-here');
  await window.press('Escape');
  await window.press('Control+k', 'j');
  await window.seesText('How many words');
  await window.seesText('words.append', false);
  await window.focused('.editor-instance');

  await window.goTo(4, 5);
  await window.press('Control+k', 'h');
  await window.lensRow('#2').waitFor();
  await window.lensRow('#2').locator('a', { hasText: 'Read' }).waitFor();
  await window.screenshot('again');
});

journey('a row of the queue is read, judged, stopped and run again where it stands', {}, async (window, world) => {
  const { page } = window;
  const [slow, quick] = ['#1', '#2'].map((number) => window.row(number));
  await window.goTo(15, 5);
  await window.delegate('cook slowly');
  await window.lens('Draft').waitFor();
  await window.goTo(10, 5);
  // Faster than the rows of the box, the first of which is what was said before.
  await window.press('Control+k', 'b');
  await page.locator('.quick-input-list .monaco-list-row.focused', { hasText: 'cook slowly' }).waitFor();
  await window.type('shorter please');
  await window.press('Enter');
  await window.press('Control+k', 'q');
  await window.act(slow, 'Draft');
  await window.peek.locator('.view-line', { hasText: 'slowly' }).first().waitFor();
  await window.leave();
  // While rows come and go VS Code forgets which row was pressed, and we ask.
  await window.row('Ready').waitFor();
  await window.act(slow, 'Stop');
  await window.unfold('Earlier');
  await window.act(slow, 'Run Again');
  await window.lens('Draft').waitFor();
  await window.act(quick, 'Read');
  await window.peek.locator('.view-line', { hasText: 'Shorter parse()' }).first().waitFor();
  await window.leave();
  await window.screenshot('row-actions');
  await window.act(quick, 'Reject');
  await window.row('Ready').waitFor({ state: 'detached' });
  await window.seesText('words.append');
  await window.unfold('Earlier');
  await window.act(quick, 'Run Again');
  await window.row('Ready').waitFor();
  await window.act(quick, 'Read');
  await window.leave();
  await window.act(quick, 'Accept');
  await window.seesText('return re.findall');
  await page.locator('.tab.active', { hasText: 'lexer.py' }).waitFor();
  assert.equal(world.read('lexer.py'), LEXER, 'the file on disk was touched');
});
