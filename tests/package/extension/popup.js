// An extension's page: the package lies in the extension, for no script may come from elsewhere.
import { ImageClassifier } from './xception-web/index.js';

try {
  const classifier = await ImageClassifier.create({ backend: 'cpu' });
  const { predictions } = await classifier.classify('espresso.jpg', { topK: 1 });
  const { isolated } = classifier.info;
  document.title = `${predictions[0].label}, ${isolated ? 'isolated' : 'not isolated'}`;
  classifier.dispose();
} catch (error) {
  document.title = `failed: ${error.message}`;
}
