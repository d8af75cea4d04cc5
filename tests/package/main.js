// What a user's first program does.
import { ImageClassifier, PictureError, models } from 'xception-web';

try {
  const classifier = await ImageClassifier.create({ model: 'drawings', backend: 'cpu' });
  const { predictions } = await classifier.classify('cat.svg', { topK: 1 });
  // Classes must come through the worker and the bundler's minifier as themselves.
  const broken = await classifier.classify(new Blob(['no picture'])).catch((error) => error);
  if (!(broken instanceof PictureError && broken.code === 'undecodable')) throw broken;
  const [bundled] = await models.list();
  const byDefault = await ImageClassifier.create({ backend: 'cpu' });
  if (byDefault.info.model.classes !== bundled.classes) throw new Error('another default');
  document.title = `${bundled.id}: ${predictions[0].label}`;
} catch (error) {
  document.title = `failed: ${error.message}`;
}
