// What a server's first program does. It needs sharp, which decodes the picture.
import { ImageClassifier, OptionError, PictureError, packFiles } from 'xception-web';

const classifier = await ImageClassifier.create();
const broken = await classifier.classify(new Blob(['no picture'])).catch((error) => error);
if (!(broken instanceof PictureError && broken.code === 'undecodable')) throw broken;
const nothing = await packFiles([]).catch((error) => error);
if (!(nothing instanceof OptionError)) throw nothing;
const { predictions, backend } = await classifier.classify(process.argv[2], { topK: 1 });
for (const { label, score } of predictions) {
  console.log(`${label} ${Math.round(100 * score)} % on ${backend}`);
}
classifier.dispose();
