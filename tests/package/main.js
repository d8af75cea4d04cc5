// What a user's first program does.
import { ImageClassifier, OptionError, PictureError, models, packFiles } from 'xception-web';

// Where the package's other files are, if the bundler has not moved them along.
const { assets: assetBase } = document.documentElement.dataset;

try {
  const classifier = await ImageClassifier.create({ model: 'drawings', backend: 'cpu', assetBase });
  const { predictions } = await classifier.classify('cat.svg', { topK: 1 });
  // Classes must come through the worker and the bundler's minifier as themselves.
  const broken = await classifier.classify(new Blob(['no picture'])).catch((error) => error);
  if (!(broken instanceof PictureError && broken.code === 'undecodable')) throw broken;
  // And from the part of the package that is loaded later.
  const nothing = await packFiles([]).catch((error) => error);
  if (!(nothing instanceof OptionError)) throw nothing;
  const [bundled] = await models.list(undefined, assetBase);
  const byDefault = await ImageClassifier.create({ backend: 'cpu', assetBase });
  if (byDefault.info.model.classes !== bundled.classes) throw new Error('another default');
  document.title = `${bundled.id}: ${predictions[0].label}`;
} catch (error) {
  document.title = `failed: ${error.message}`;
}
