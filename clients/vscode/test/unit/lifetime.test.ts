import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../src/backoff';
import { Serial } from '../../src/serial';

test('delays double up to half a minute', () => {
  const backoff = new Backoff();
  const delays = Array.from({ length: 8 }, () => backoff.ended(0));
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
});

test('a minute of health makes earlier failures forgotten, less does not', () => {
  const backoff = new Backoff();
  backoff.ended(0);
  backoff.started(1000);
  assert.equal(backoff.ended(60_000), 1000);
  backoff.started(100_000);
  assert.equal(backoff.ended(160_000), 500);
});

test('restarts never overlap, and those asked for meanwhile are one', async () => {
  let running = 0;
  let runs = 0;
  const gates: (() => void)[] = [];
  const serial = new Serial(async () => {
    running += 1;
    runs += 1;
    assert.equal(running, 1);
    await new Promise<void>((resolve) => gates.push(resolve));
    running -= 1;
  });
  const first = serial.request();
  const later = [serial.request(), serial.request(), serial.request()];
  gates.shift()?.();
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(runs, 2);
  gates.shift()?.();
  await Promise.all(later);
  assert.equal(runs, 2);
});

test('a restart that fails does not keep the next one from running', async () => {
  let runs = 0;
  const serial = new Serial(async () => {
    runs += 1;
    if (runs === 1) {
      throw new Error('the first fails');
    }
  });
  const first = serial.request();
  const second = serial.request();
  await assert.rejects(first);
  await second;
  assert.equal(runs, 2);
});
