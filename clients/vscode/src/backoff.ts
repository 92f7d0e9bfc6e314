// When to try again: pure, and the only place that knows the delays.

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
const HEALTHY_MS = 60_000;

/** Delays that double until something has run well for a minute. */
export class Backoff {
  private failures = 0;
  private startedAt: number | undefined;

  started(now: number): void {
    this.startedAt = now;
  }

  /** Milliseconds to wait before the next attempt. */
  ended(now: number): number {
    if (this.startedAt !== undefined && now - this.startedAt >= HEALTHY_MS) {
      this.failures = 0;
    }
    this.startedAt = undefined;
    const delay = Math.min(FIRST_MS * 2 ** this.failures, LONGEST_MS);
    this.failures += 1;
    return delay;
  }

  reset(): void {
    this.failures = 0;
    this.startedAt = undefined;
  }
}
