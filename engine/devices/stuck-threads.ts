/**
 * Threads of devices that did not end when they were told to: with one of them `process.exit` waits for ever, since Node joins all threads, and `lmdb` waits
 * for a transaction in which its thread was terminated. Here because the command line asks at its end, which must not load what starts threads.
 */
export const stuckThreads = { count: 0 };
