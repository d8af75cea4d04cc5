// What a user's first program does.
import { ImageClassifier, models } from 'xception-web';

try {
  const classifier = await ImageClassifier.create({ backend: 'cpu' });
  const { predictions } = await classifier.classify('cat.svg', { topK: 1 });
  const [bundled] = await models.list();
  document.title = `${bundled.id}: ${predictions[0].label}`;
} catch (error) {
  document.title = `failed: ${error.message}`;
}
