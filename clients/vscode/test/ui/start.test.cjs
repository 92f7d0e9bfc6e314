// The first minutes: from the installed extension to the first accepted hunk, without a key and without an agent.
const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const { stage } = require('./journey.cjs');

const journey = stage({ house: { agent: '' } });

journey('Practise leads from the installed extension to an accepted hunk', {}, async (window) => {
  const { page } = window;
  const began = Date.now();
  window.gestures = 0;
  await window.palette('Backburner: Practise');
  window.gestures += 1;
  await window.seesText('A small shop');
  await window.screenshot('practise');
  await window.delegate('use sum()');
  await window.lens('Read').waitFor();
  await window.click(window.lens('Read'));
  await window.peek.locator('.view-line', { hasText: 'return sum(prices)' }).first().waitFor();
  await window.leave();
  await window.click(window.lens('Accept'));
  await window.seesText('return sum(prices)');
  const seconds = (Date.now() - began) / 1000;
  console.log(`practise: ${seconds.toFixed(1)} s, ${window.gestures} gestures`);
  assert.ok(seconds < 120);
  assert.ok(window.gestures <= 6);
  await window.screenshot('practise-accepted');
  assert.equal(await page.locator('.notification-toast').count(), 0);
});

journey(
  'a task without an agent says so at the line, and a key goes through the environment only',
  {},
  async (window, world) => {
    const { page } = window;
    await window.goTo(8, 5);
    await window.delegate('shorter please');
    await window.lensRow('#1').waitFor();
    await window.screenshot('no-agent');
    const secret = 'sk-test-not-a-real-key-0123456789';
    await window.palette('Welcome: Open Walkthrough...');
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Backburner: First Steps' }).first().click();
    const step = (title) => page.locator('.getting-started-step', { hasText: title });
    for (const title of [
      'Choose who works',
      'Delegate one function',
      'Delegate another while it cooks',
      'Read, then accept',
    ]) {
      await step(title).waitFor();
    }
    await window.screenshot('walkthrough');
    await step('Choose who works').locator('.monaco-button', { hasText: 'Set a Key…' }).click();
    await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Groq' }).first().waitFor();
    await page.keyboard.type('Groq');
    await page.keyboard.press('Enter');
    await page.locator('.quick-input-widget input[type=password]').waitFor();
    await page.keyboard.type(secret);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('.quick-input-widget')?.style.display === 'none');
    await page.locator('.tab', { hasText: 'lexer.py' }).click();
    await window.lensRow('#1').waitFor();
    const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    assert.ok(!processes.includes(secret), 'the key is among the arguments of a process');
    assert.ok(!window.log().includes(secret), 'the key is in the log');
    const places = [world.house.base, ...['logs', 'User', 'Machine'].map((name) => `${window.server.data}/${name}`)];
    const found = spawnSync('grep', ['-rlF', secret, ...places], { encoding: 'utf8' }).stdout.trim();
    assert.equal(found, '', 'the key is in a file');
  },
);
