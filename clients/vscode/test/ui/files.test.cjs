// Reviews of more than one hunk: several files, files as a whole, a proposal that the person edits, two projects.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { LEXER, makeWorld } = require('../host/world.cjs');
const { stage } = require('./journey.cjs');

const journey = stage();
const apart = { 'old.py': 'x = 1\n', 'util.py': 'def util():\n    return 1\n' };

journey(
  'several files are reviewed together, made, deleted and renamed ones too',
  { files: apart },
  async (window, world) => {
    const { page } = window;
    await window.goTo(15, 5);
    await window.delegate('split it up');
    await window.lens('Read').waitFor();
    await window.palette('Backburner: Review Side by Side');
    for (const name of ['lexer.py', 'words.py', 'old.py', 'tools.py']) {
      await page.locator('.multiDiffEntry', { hasText: name }).first().waitFor();
    }
    const badge = (name) => page.locator('.multiDiffEntry', { hasText: name }).locator('.status').first();
    await badge('tools.py').filter({ hasText: 'R' }).waitFor();
    assert.deepEqual(
      await Promise.all(['lexer.py', 'words.py', 'old.py'].map((name) => badge(name).textContent())),
      ['', 'A', 'D'],
      'what VS Code takes the files for',
    );
    await window.screenshot('several-files');
    assert.equal(world.read('lexer.py'), LEXER, 'a review changed something');
    await window.palette('Backburner: Accept All');
    await page.locator('.multiDiffEntry').first().waitFor({ state: 'detached' });
    await window.seesText('sum(1 for _ in parse(text))');
    assert.equal(world.read('words.py'), 'WORD = r"\\w+"\n');
    assert.equal(world.read('tools.py'), apart['util.py']);
    assert.deepEqual([world.has('old.py'), world.has('util.py')], [false, false]);
    await window.screenshot('several-accepted');
  },
);

journey('an edited proposal is kept by saving it, and only accepting changes the file', {}, async (window, world) => {
  const { page } = window;
  await window.goTo(10, 5);
  await window.delegate('shorter please');
  await window.lens('Read').waitFor();
  await window.palette('Backburner: Review Side by Side');
  const [left, right] = ['original', 'modified'].map((side) => page.locator(`.editor.${side}`));
  await right.locator('.view-line', { hasText: 'return re.findall' }).waitFor();

  await left.locator('.view-lines').click();
  await page.keyboard.press('Control+Home');
  await window.type('# mine');
  await page.keyboard.press('Enter');
  await right.locator('.view-line', { hasText: '# mine' }).waitFor();

  await right.locator('.view-line', { hasText: 'return re.findall' }).click();
  await page.keyboard.press('End');
  await window.type('  # once');
  await left.locator('.view-lines').click();
  await page.keyboard.press('Control+Home');
  await window.type('# more');
  await page.keyboard.press('Enter');
  await right.locator('.view-line', { hasText: '# once' }).click();
  await page.keyboard.press('Control+s');
  await right.locator('.view-line', { hasText: '# more' }).waitFor();
  await right.locator('.view-line', { hasText: '# once' }).waitFor();
  assert.equal(await left.locator('.view-line', { hasText: '# once' }).count(), 0, 'saving accepted');
  await window.screenshot('edited-proposal');
  await right.locator('.view-line', { hasText: '# once' }).click();
  await page.keyboard.press('End');
  await window.type('!');
  await window.press('Control+k', 'j');
  await left.locator('.view-line', { hasText: '# once!' }).waitFor();
  assert.equal(
    await left.locator('.view-line', { hasText: 'How many words' }).count(),
    0,
    'accepted the other hunk too',
  );
  // VS Code saves both sides; what it wrote on the left is what the person typed there.
  assert.doesNotMatch(world.read('lexer.py'), /once/, 'saving accepted');
  await window.screenshot('edited-accepted');

  // Elsewhere in that file a command is about what is there, not about the review in another tab.
  await page.locator('.tab', { hasText: /^lexer\.py$/ }).click();
  await window.goTo(6, 5);
  await window.delegate('what about v1');
  await window.lens('Keep').waitFor();
  await window.palette('Backburner: Stop');
  await window.lensRow('#2').waitFor({ state: 'detached' });
  await page.locator('.tab', { hasText: '#1' }).click();

  // The hunk that is left, from the menu of its line number.
  const added = right.locator('.view-line', { hasText: 'How many words' });
  const { y, height } = await added.boundingBox();
  const { x } = await right.locator('.line-numbers').first().boundingBox();
  await page.mouse.click(x + 8, y + height / 2, { button: 'right' });
  const menu = page.locator('.monaco-menu');
  await menu.locator('.action-label', { hasText: 'Accept This Hunk' }).waitFor();
  await window.screenshot('line-number-menu');
  await menu.locator('.action-label', { hasText: 'Reject This Hunk' }).click();
  await page.locator('.monaco-diff-editor').waitFor({ state: 'detached' });
  await window.seesText('# once!');
  await window.seesText('How many words', false);
});

const other = { 'second.py': LEXER };

stage()(
  'the queue has the tasks of every open project, each under its own number',
  {
    open: (world) => {
      const second = makeWorld(world.house, other);
      const workspace = path.join(world.house.base, 'both.code-workspace');
      const folders = [world.folder, second.folder].map((folder) => ({ path: folder }));
      fs.writeFileSync(workspace, JSON.stringify({ folders }));
      return { folder: workspace, file: second.file('second.py') };
    },
  },
  async (window) => {
    const { page } = window;
    await window.goTo(15, 5);
    await window.delegate('cook slowly');
    await window.lensRow('#1').waitFor();
    await page.keyboard.press('Control+p');
    await page.locator('.quick-input-widget input').first().fill('lexer.py');
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'lexer.py' }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.tab.active', { hasText: 'lexer.py' }).waitFor();
    await window.goTo(10, 5);
    await window.delegate('shorter please');
    await window.lens('Read').waitFor();
    await window.press('Control+k', 'q');
    await window.row('/lexer.py').filter({ hasText: '#1 Shorter parse()' }).waitFor();
    await window.row('/second.py').filter({ hasText: '#1' }).waitFor();
    await window.screenshot('two-projects');
    await page
      .locator('.pane-header [aria-label*="Filter the Queue"], .action-label[aria-label*="Filter the Queue"]')
      .first()
      .click();
    await page.locator('.quick-input-widget input').first().fill('slowly');
    await page.keyboard.press('Enter');
    await window.row('/lexer.py').waitFor({ state: 'detached' });
    await window.row('/second.py').click();
    await window.peek.locator('.view-line', { hasText: 'slowly' }).first().waitFor();
    await page.locator('.tab.active', { hasText: 'second.py' }).waitFor();
    await window.screenshot('two-projects-draft');
  },
);
