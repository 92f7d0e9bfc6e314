// Two windows on one project: what is decided in one is decided in the other, and the text of each stays its own.
const assert = require('node:assert/strict');
const { LEXER } = require('../host/world.cjs');
const { stage } = require('./journey.cjs');

const journey = stage();

journey('a verdict in one window takes marks, review and row away in the other', {}, async (here, world) => {
  await here.goTo(10, 5);
  await here.delegate('shorter please');
  await here.lens('Read').waitFor();

  const there = await here.another();
  await there.lensRow('#1').waitFor();
  await there.goTo(1);
  await there.type('# theirs');
  await there.press('Enter');
  await there.goTo(11, 5);
  await there.palette('Backburner: Review Side by Side');
  const review = there.page.locator('.tab', { hasText: '#1 ' });
  await review.waitFor();
  await there.press('Control+k', 'q');
  await there.row('#1').waitFor();
  await there.screenshot('windows-before');

  await here.page.bringToFront();
  await here.goTo(1);
  await here.type('# mine');
  await here.press('Enter');
  await here.press('Control+k', 'q');
  await here.act(here.row('#1'), 'Accept');
  await here.seesText('How many words');
  await here.seesText('# mine');
  await here.seesText('# theirs', false);
  await here.lensRow('#1').waitFor({ state: 'detached' });
  await here.screenshot('windows-here');

  await there.page.bringToFront();
  await review.waitFor({ state: 'detached' });
  await there.lensRow('#1').waitFor({ state: 'detached' });
  await there.row('Ready').waitFor({ state: 'detached' });
  await there.seesText('# theirs');
  await there.seesText('words.append(word)');
  await there.seesText('# mine', false);
  await there.screenshot('windows-there');
  for (const { page } of [here, there]) {
    await page.locator('.tab.active.dirty', { hasText: 'lexer.py' }).waitFor();
    assert.equal(await page.locator('.monaco-dialog-box, .notification-toast').count(), 0, 'something popped up');
  }
  assert.equal(world.read('lexer.py'), LEXER, 'the file on disk was touched');
});
