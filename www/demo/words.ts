// How the page searches: words in any order, without case and accents.

/** Tells whether a text holds every word of what is searched for. */
export function finder(query: string): (text: string) => boolean {
  const wanted = plain(query).split(/\s+/);
  return (text) => {
    const held = plain(text);
    return wanted.every((word) => held.includes(word));
  };
}

function plain(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();
}
