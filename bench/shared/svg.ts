/** What all charts have in common: colours, a title with notes below it, and no need of anything outside the file. */

export const MARGIN = 20;
export const TITLE_HEIGHT = 30;
export const NOTE_HEIGHT = 17;

/** Colours that stand out on white and on dark grey, and for colour-blind eyes. */
export const CHART_STYLE = `
  svg { --ground: #ffffff; --ink: #1f2328; --faint: #d0d7de; --quiet: #57606a; --s0: #0550ae; --s1: #bc4c00; --s2: #1a7f37; --s3: #8250df; --s4: #a40e26; }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #0d1117; --ink: #e6edf3; --faint: #30363d; --quiet: #9198a1; --s0: #79c0ff; --s1: #ffa657; --s2: #7ee787; --s3: #d2a8ff; --s4: #ff7b72; }
  }
  text { font: 11px ui-sans-serif, system-ui, sans-serif; fill: var(--quiet); }
  .title { font-size: 17px; font-weight: 600; fill: var(--ink); }
  .head { font-size: 11px; font-weight: 600; fill: var(--ink); }
  .grid { stroke: var(--faint); stroke-width: 1; }
  .marker { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 3 3; }
  .line { fill: none; stroke-width: 2; }
`;

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export const roundCoordinate = (value: number): string => (Math.round(value * 10) / 10).toString();

export function drawText(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${roundCoordinate(x)}" y="${roundCoordinate(y)}"${attributes === '' ? '' : ` ${attributes}`}>${escapeText(content)}</text>`;
}

export interface ChartFrame {
  readonly title: string;
  /** Lines of text under the title. */
  readonly notes: readonly string[];
  readonly style: string;
  readonly width: number;
  readonly height: number;
  readonly body: readonly string[];
}

/** The whole file. */
export function wrapChart({ title, notes, style, width, height, body }: ChartFrame): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<style>${style}</style>`,
    `<rect width="${width}" height="${height}" fill="var(--ground)"/>`,
    drawText(MARGIN, MARGIN + 16, title, 'class="title"'),
    ...notes.map((note, index) => drawText(MARGIN, MARGIN + TITLE_HEIGHT + (index + 0.7) * NOTE_HEIGHT, note)),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}
