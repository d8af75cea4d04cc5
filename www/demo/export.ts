// What leaves the page as a file or through the clipboard.

import { announce } from './speech.js';

/** A table as spreadsheets read it (RFC 4180). */
export function csv(rows: (string | number)[][]): string {
  const cell = (value: string | number) => {
    // A file’s name is no formula, whatever it begins with.
    const isFormula = typeof value === 'string' && /^[=+\-@\t\r]/.test(value);
    const text = isFormula ? `'${value}` : `${value}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

export function download(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser has taken it up by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
  announce('Copied.');
}
