/** As much of SVG as bars, dots and labels take. */
export class Svg {
  readonly #parts: string[] = [];
  readonly #width: number;
  readonly #height: number;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
  }

  bar(box: { x: number; y: number; width: number; height: number }, colour: string): void {
    const { x, y, width, height } = box;
    this.#parts.push(
      `<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${colour}"/>`,
    );
  }

  dot(x: number, y: number, colour: string): void {
    this.#parts.push(`<circle cx="${short(x)}" cy="${short(y)}" r="4.5" fill="${colour}" stroke="white"/>`);
  }

  /** A vertical line from `top` to `bottom`. */
  line(x: number, top: number, bottom: number): void {
    this.#parts.push(`<path d="M${short(x)} ${short(top)}V${short(bottom)}" stroke="#d0d7de"/>`);
  }

  text(text: Text): void {
    const { x, y, content, size = 11, anchor = 'start', weight = 'normal', colour = '#24292f' } = text;
    this.#parts.push(
      `<text x="${short(x)}" y="${short(y)}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" ` +
        `fill="${colour}">${escaped(content)}</text>`,
    );
  }

  finish(): string {
    const box = `0 0 ${this.#width} ${this.#height}`;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" width="${this.#width}" height="${this.#height}" ` +
        'font-family="system-ui, sans-serif">',
      // For viewers whose background is dark.
      `<rect width="100%" height="100%" fill="white"/>`,
      ...this.#parts,
      '</svg>',
      '',
    ].join('\n');
  }
}

export interface Text {
  readonly x: number;
  /** Of the line that the letters stand on. */
  readonly y: number;
  readonly content: string;
  readonly size?: number;
  readonly anchor?: 'start' | 'end';
  readonly weight?: 'normal' | 'bold';
  readonly colour?: string;
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
