// How the page searches: words in any order, without case and accents.

export function words(text: string): string[] {
  return text
    .normalize('NFD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean);
}
