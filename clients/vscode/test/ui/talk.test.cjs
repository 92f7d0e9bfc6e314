// Talking with a task: its question, a reply, a note while it works, its draft.
const assert = require('node:assert/strict');
const { stage } = require('./journey.cjs');

const journey = stage();

journey('a question is answered at the line, and a reply goes on from there', {}, async (window) => {
  const { page } = window;
  await window.goTo(4, 5);
  await window.delegate('what about v1');
  await window.lens('Keep').waitFor();
  await window.status.locator('.codicon-question').waitFor();
  await window.screenshot('asking');
  await window.palette('Backburner: Answer');
  await page.locator('.review-widget .comment-body', { hasText: 'keep parse_v1()?' }).waitFor();
  await window.screenshot('question-thread');
  await page.locator('.review-widget .comment-body a', { hasText: 'Keep' }).click();
  await window.lens('Read').waitFor();
  await window.lens('Read').click();
  await window.peek.locator('.view-line', { hasText: 'Kept for old callers' }).first().waitFor();
  await window.leave();
  await window.lens('Reply').click();
  await page.locator('.review-widget .comment-form .monaco-editor.focused').waitFor();
  // Asked for once more, the box still has what was begun.
  await page.keyboard.type('say it in ');
  await window.goTo(4, 5);
  await window.lens('Reply').click();
  await page.locator('.review-widget .comment-form .monaco-editor.focused').waitFor();
  await page.keyboard.type('one word');
  await window.screenshot('reply');
  await page.keyboard.press('Control+Enter');
  await page.waitForFunction(() =>
    document.activeElement?.closest('.editor-instance, .review-widget')?.matches('.editor-instance'),
  );
  // Pressed once more by a hand that had begun to, the key does not reach the code.
  await page.keyboard.press('Control+Enter');
  await window.lensRow('One word for parse_v1()').waitFor();
  assert.equal(await page.locator('.tab.dirty').count(), 0, 'the key that sends changed the code');
  await window.screenshot('replied');
  await window.palette('Backburner: Answer');
  const thread = page.locator('.review-widget .comment-body', { hasText: 'Answered: Keep it as it is.' });
  await thread.waitFor();
  await window.screenshot('change-answer');
  await thread.locator('a', { hasText: 'Remove' }).click();
  await window.lens('Accept').waitFor({ state: 'detached' });
});

journey('a running task shows its draft, takes a note and stops', {}, async (window) => {
  const { page } = window;
  await window.goTo(15, 5);
  await window.delegate('cook slowly');
  await window.lens('Draft').waitFor();
  await window.lensRow('taste, season, wait').waitFor();
  await window.status.filter({ hasText: '1' }).locator('.codicon-flame').waitFor();
  const tooltip = await window.tooltip(window.status, '1 running');
  await tooltip.filter({ hasText: 'taste, season, wait' }).waitFor();
  await window.screenshot('running');
  await window.lens('Draft').click();
  await window.peek.locator('.view-line', { hasText: 'How many words a text has, slowly' }).first().waitFor();
  await window.screenshot('draft');
  await window.leave();
  await window.palette('Backburner: Draft Side by Side');
  await page.locator('.monaco-diff-editor .line-insert').first().waitFor();
  await window.screenshot('draft-side-by-side');
  await page.keyboard.press('Control+w').catch(() => {});
  await page.locator('.tab', { hasText: 'lexer.py' }).first().click();
  await window.goTo(15, 5);
  await window.palette('Backburner: Tell It');
  await page.locator('.review-widget .comment-form .monaco-editor.focused').waitFor();
  await page.keyboard.type('no docstring please');
  await page.keyboard.press('Control+Enter');
  await window.lens('Stop').click();
  await window.lens('Draft').waitFor({ state: 'detached' });
});

journey('what could not be sent stands in the thread', {}, async (window, world) => {
  const { page } = window;
  await window.goTo(15, 5);
  await window.delegate('cook slowly');
  await window.lens('Draft').waitFor();
  await window.palette('Backburner: Tell It');
  await page.locator('.review-widget .comment-form .monaco-editor.focused').waitFor();
  await page.keyboard.type('no docstring please');
  // The daemon hears nothing any more, and then it is gone; what is asked for after the note shows that the note is on its way.
  const pid = world.house.pid();
  process.kill(pid, 'SIGSTOP');
  await page.keyboard.press('Control+Enter');
  await window.palette('Backburner: Filter the Queue');
  await page.locator('.quick-input-widget .quick-input-title', { hasText: 'Filter the queue' }).waitFor();
  process.kill(pid, 'SIGKILL');
  await page.keyboard.press('Escape');
  const unsent = page.locator('.review-widget .review-comment', { hasText: 'not sent' });
  await unsent.filter({ hasText: 'no docstring please' }).waitFor();
  await window.screenshot('not-sent');
  await window.connected(2);
  await window.lens('Draft').waitFor();
  await unsent.filter({ hasText: 'no docstring please' }).waitFor();
  await window.screenshot('not-sent-connected');
});

journey('findings stand as threads, to be fixed, dismissed and talked about', {}, async (window) => {
  const { page } = window;
  await window.goTo(15, 5);
  await window.delegate('/review look it over');
  await window.lens('Read').waitFor();
  await window.lens('Read').click();
  await page.locator('.tab', { hasText: 'Preview' }).waitFor();
  const threads = page.locator('.comment-range-glyph.comment-thread');
  await threads.nth(1).waitFor();
  const shown = (text) => page.locator('.review-widget .comment-body', { hasText: text });
  const [first, second] = [shown('compiled again for each text'), shown('only to count it')];
  await threads.nth(1).click();
  await second.locator('a', { hasText: 'Dismiss' }).click();
  await second.waitFor({ state: 'detached' });
  await window.lensRow('1 of 2 left').waitFor();
  await threads.nth(0).click();
  await first.waitFor();
  await window.screenshot('findings');
  // The box, or in 1.100 the button that unfolds it.
  await page.locator('.review-widget :is(.review-thread-reply-button, .comment-form .monaco-editor):visible').click();
  await window.type('only where it is slow');
  await page.locator('.review-widget .monaco-button', { hasText: 'Send' }).waitFor();
  await first.locator('a', { hasText: 'Fix this' }).click();
  await window.lensRow('#2').locator('a', { hasText: 'Read' }).waitFor();
  await window.screenshot('finding-fixed');
  await page.locator('.review-widget .monaco-button', { hasText: 'Send' }).click();
  await window.lensRow('#1 nothing found').waitFor();
  await threads.first().waitFor({ state: 'detached' });
});
