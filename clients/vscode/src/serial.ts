// One of a kind at a time, and at most one more waiting: for restarts, which must never overlap.

export class Serial {
  private running: Promise<void> | undefined;
  private queued: Promise<void> | undefined;

  constructor(private readonly work: () => Promise<void>) {}

  /** Resolves when a run that began after this call has ended. Calls that come while one waits share it. */
  request(): Promise<void> {
    if (this.running === undefined) {
      return this.start();
    }
    this.queued ??= this.running.then(
      () => this.start(),
      () => this.start(),
    );
    return this.queued;
  }

  /** The run that is going on, with the one that waits, if any; else a new one. */
  join(): Promise<void> {
    return this.queued ?? this.running ?? this.start();
  }

  private start(): Promise<void> {
    this.queued = undefined;
    const run = this.work().finally(() => {
      if (this.running === run) {
        this.running = undefined;
      }
    });
    this.running = run;
    return run;
  }
}
