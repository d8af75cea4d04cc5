// What a user's first program does.
import { ImageClassifier, models } from 'xception-web';

try {
  const classifier = await ImageClassifier.create({ model: 'drawings', backend: 'cpu' });
  const { predictions } = await classifier.classify('cat.svg', { topK: 1 });
  const [bundled] = await models.list();
  const byDefault = await ImageClassifier.create({ backend: 'cpu' });
  if (byDefault.info.model.classes !== bundled.classes) throw new Error('another default');
  document.title = `${bundled.id}: ${predictions[0].label}`;
} catch (error) {
  document.title = `failed: ${error.message}`;
}
