// One instruction over many places: what another tool found, one group, two read, the rest like these.
const assert = require('node:assert/strict');
const { stage } = require('./journey.cjs');

const journey = stage();

/** All problems of the file that is open, each a task, with the results there. */
async function sweep(window, words) {
  const { page } = window;
  await page.locator('.squiggly-warning').nth(2).waitFor();
  await window.press('Control+k', 'g');
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'All 3: lint F401' }).click();
  await window.press('Enter');
  await page.locator('.quick-input-widget .quick-input-title', { hasText: /^Delegate$/ }).waitFor();
  await window.type(words);
  await page.locator('.quick-input-list .monaco-list-row', { hasText: words }).first().waitFor();
  await window.press('Enter');
  for (const number of ['#1', '#2', '#3']) {
    await window.lensRow(number).locator('a', { hasText: 'Read' }).waitFor();
  }
}

journey('a sweep over the problems of another tool', { file: 'imports.py', line: 3 }, async (window, world) => {
  const { page } = window;
  await page.locator('.squiggly-warning').first().waitFor();
  await window.goTo(3, 8);
  await window.offered('Delegate: fix all 3 like this');
  await window.screenshot('sweep-offer');
  await window.press('Escape');

  window.gestures = 0;
  await window.press('Control+k', 'g');
  const all = page.locator('.quick-input-list .monaco-list-row', { hasText: 'All 3: lint F401' });
  await all.waitFor();
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'main()' }).waitFor();
  await window.click(all);
  await window.screenshot('sweep-places');
  await window.press('Enter');
  await page.locator('.quick-input-widget input[placeholder*="to 3 places"]').waitFor();
  await window.type('remove it');
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'remove it' }).first().waitFor();
  await window.press('Enter');
  assert.equal(window.gestures, 4, 'from key press to three running agents');
  await window.lensRow('#3').waitFor();
  await window.status.filter({ hasText: '3' }).locator('.codicon-check').waitFor();
  assert.equal(await page.locator('.notification-toast').count(), 0, 'something popped up');
  await window.problems('Infos: 3');

  await window.press('Control+k', 'q');
  await window.row('remove it').filter({ hasText: '3 of 3' }).waitFor();
  for (const number of ['#1', '#2', '#3']) {
    await window.lensRow(number).locator('a', { hasText: 'Read' }).waitFor();
  }
  await window.screenshot('sweep-queue');
  for (const number of ['#1', '#2']) {
    await window.click(window.row(number));
    await window.peek.locator('.view-line', { hasText: 'Remove an import' }).first().waitFor();
    await window.leave();
  }
  assert.match(world.read('imports.py'), /import os/, 'reading changed something');
  await window.goTo(3, 8);
  await window.palette('Backburner: Review Side by Side');
  const review = page.locator('.tab', { hasText: '#2 ' });
  await review.waitFor();
  await window.act(window.row('remove it'), 'Accept the Rest like These');
  await review.waitFor({ state: 'detached' });
  await window.seesText('import os', false);
  await window.seesText('import json', false);
  await window.seesText('import sys');
  await window.told('#3 stays: also touches notes.md.');
  await window.row('Earlier').filter({ hasText: '2' }).waitFor();
  await window.lensRow('#1').waitFor({ state: 'detached' });
  await window.screenshot('sweep-rest');
});

journey('a verdict on a group ends the reviews of all its tasks', { file: 'imports.py' }, async (window, world) => {
  const { page } = window;
  await sweep(window, 'remove it');
  for (const [at, line] of [1, 3, 5].entries()) {
    await page.locator('.tab', { hasText: /^imports\.py$/ }).click();
    await window.goTo(line, 8);
    await window.palette('Backburner: Review Side by Side');
    await page.locator('.tab.active', { hasText: `#${at + 1} ` }).waitFor();
    await window.focused('.monaco-diff-editor');
  }
  await window.press('Control+k', 'q');
  await window.row('#3').waitFor();
  await window.screenshot('group-reviews');
  await window.act(window.row('remove it'), 'Accept');
  for (const number of [1, 2, 3]) {
    await page.locator('.tab', { hasText: `#${number} ` }).waitFor({ state: 'detached' });
  }
  await page.locator('.tab.active', { hasText: 'imports.py' }).waitFor();
  await window.row('#3').waitFor({ state: 'detached' });
  await window.seesText('import', false);
  assert.equal(world.read('notes.md'), 'sys went.\n');
  await window.screenshot('group-accepted');
  await window.focused('.pane-body');
});

journey('several cursors are several places, those in one function once', {}, async (window) => {
  const { page } = window;
  const line = (text) => page.locator('.editor-instance .view-line', { hasText: text });
  const box = (text) => page.locator(`.quick-input-widget input[placeholder*="What should be done to ${text}?"]`);
  await line('words = []').click();
  for (const text of ['words.append', 'text.split', 'len(parse(text))']) {
    await line(text).click({ modifiers: ['Alt'] });
  }
  // From the menu of code actions, and by its key.
  await window.press('Control+.');
  await page.locator('.action-widget .monaco-list-row', { hasText: 'Delegate…' }).click();
  await box('3 places').waitFor();
  await page.keyboard.press('Escape');
  await window.press('Control+k', 'b');
  await box('3 places').waitFor();
  await window.type('look at it');
  await window.screenshot('several-cursors');
  await window.press('Enter');
  for (const number of ['#1', '#2', '#3']) {
    await window.lensRow(number).locator('a', { hasText: 'Read' }).waitFor();
  }
  await window.press('Control+k', 'q');
  await window.row('look at it').filter({ hasText: '3 of 3' }).waitFor();
  await window.screenshot('several-cursors-queue');
});

journey(
  'the matches of a search are delegated together',
  { files: { 'use.py': 'import lexer\n\nlexer.parse("a")\n' } },
  async (window) => {
    const { page } = window;
    await window.goTo(8, 6);
    await window.palette('Backburner: Delegate Matches of a Search…');
    const box = page.locator('.quick-input-widget input[type=text]');
    await page
      .locator('.quick-input-widget .quick-input-title', { hasText: 'Delegate the matches of a search' })
      .waitFor();
    assert.equal(await box.inputValue(), 'parse');
    await window.press('Enter');
    const row = (text) => page.locator('.quick-input-list .monaco-list-row', { hasText: text });
    await row('lexer.parse("a")').waitFor();
    await row('def parse_v1').click();
    await window.screenshot('search-matches');
    await window.press('Enter');
    await page.locator('.quick-input-widget input[placeholder*="to 3 places"]').waitFor();
    await window.type('look at it');
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'look at it' }).first().waitFor();
    await window.press('Enter');
    await window.press('Control+k', 'q');
    await window.row('look at it').filter({ hasText: '3 of 3' }).waitFor();
    for (const number of ['#1', '#2']) {
      await window.lensRow(number).locator('a', { hasText: 'Read' }).waitFor();
    }
    await window.row('#3').filter({ hasText: 'use.py' }).waitFor();
    await window.screenshot('search-queue');
  },
);
