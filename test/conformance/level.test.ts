import { openLevelSubject } from './level-subject.ts';
import { engineConformance } from './engine-conformance.ts';

engineConformance({ name: 'level', open: openLevelSubject });
