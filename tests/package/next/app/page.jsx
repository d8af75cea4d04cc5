'use client';

// Rendered on the server, where the package is imported too and finds no document; the program runs in the browser.

import { useEffect } from 'react';
import { ImageClassifier, models } from 'xception-web';
import 'xception-web/element';

export default function Page() {
  useEffect(() => void import('../main.js'), []);
  return <p>{[ImageClassifier.create, models.list].map((one) => typeof one).join()}</p>;
}
