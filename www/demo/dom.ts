// The page's elements, and how it writes numbers.

export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`No #${id}.`);
  return found as T;
}

/** A part of a room that draws itself, or of something in it. */
export function part<T extends HTMLElement = HTMLElement>(of: HTMLElement, name: string): T {
  const found = of.querySelector<T>(`[data-part="${name}"]`);
  if (!found) throw new Error(`The room has no ${name}.`);
  return found;
}

export function percent(score: number): string {
  return `${(score * 100).toFixed(1)} %`;
}

export function milliseconds(time: number): string {
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}

export function megabytes(bytes: number): string {
  return `${inMegabytes(bytes)} MB`;
}

export function inMegabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

export function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
