// Names a picture on the server.

import { ImageClassifier } from 'xception-web';

export const dynamic = 'force-dynamic';

export async function GET() {
  using classifier = await ImageClassifier.create();
  const { predictions, backend } = await classifier.classify(process.env.PICTURE, { topK: 1 });
  return new Response(`${predictions[0].label} on ${backend}`);
}
