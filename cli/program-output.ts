/** The part of a write stream that we use; a test gives an array instead. */
export interface TextStream {
  write(text: string): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Terminal width to assume when there is none to ask. */
const COLUMN_COUNT_DEFAULT = 80;
const ROW_COUNT_DEFAULT = 24;

/**
 * Where the program speaks. Results go to stdout, remarks and errors to stderr. A reader that goes away (`| head -1`)
 * must not take the server with it: after the first error a stream is silent.
 */
export class ProgramOutput {
  readonly #stdout: TextStream;
  readonly #stderr: TextStream;
  readonly #broken = new Set<TextStream>();

  constructor(stdout: TextStream, stderr: TextStream) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    for (const stream of [stdout, stderr]) stream.on('error', () => this.#broken.add(stream));
  }

  get isTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  get columnCount(): number {
    // Pseudo-terminals nobody has sized yet say 0.
    return this.#stdout.columns || COLUMN_COUNT_DEFAULT;
  }

  get rowCount(): number {
    return this.#stdout.rows || ROW_COUNT_DEFAULT;
  }

  /** Remarks go to a terminal, where a line can be rewritten. */
  get isRemarkTerminal(): boolean {
    return this.#stderr.isTTY === true;
  }

  get remarkColumnCount(): number {
    return this.#stderr.columns || COLUMN_COUNT_DEFAULT;
  }

  result(text: string): void {
    this.#write(this.#stdout, text);
  }

  resultLine(text: string): void {
    this.#write(this.#stdout, `${text}\n`);
  }

  /** One JSON document on a line of its own. */
  event(event: Record<string, unknown>): void {
    this.resultLine(JSON.stringify(event));
  }

  remark(text: string): void {
    this.#write(this.#stderr, text);
  }

  remarkLine(text: string): void {
    this.#write(this.#stderr, `${text}\n`);
  }

  #write(stream: TextStream, text: string): void {
    if (!this.#broken.has(stream)) stream.write(text);
  }
}
