// Talking with a task: its question, a reply, a note while it works, its draft.
const { journey } = require('./journey.cjs');

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
  await page.keyboard.press('Escape');
  await window.lens('Reply').click();
  await page.locator('.review-widget .comment-form .monaco-editor.focused').waitFor();
  await page.keyboard.type('say it in one word');
  await window.screenshot('reply');
  await page.keyboard.press('Control+Enter');
  await window.lensRow('One word for parse_v1()').waitFor();
  await window.screenshot('replied');
});

journey('a running task shows its draft, takes a note and stops', {}, async (window) => {
  const { page } = window;
  await window.goTo(15, 5);
  await window.delegate('cook slowly');
  await window.lens('Draft').waitFor();
  await window.lensRow('taste, season, wait').waitFor();
  await window.screenshot('running');
  await window.lens('Draft').click();
  await window.peek.locator('.view-line', { hasText: 'How many words a text has, slowly' }).first().waitFor();
  await window.screenshot('draft');
  await page.keyboard.press('Escape');
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
