import { eventProcessingConformance } from './event-processing-conformance.ts'
import { ownViews, sharedViews } from './memory-places.ts'
import { sagaConformance } from './saga-conformance.ts'

eventProcessingConformance('memory, views shared', sharedViews)
eventProcessingConformance('memory, views of their own', ownViews)
sagaConformance('memory, views shared', sharedViews)
sagaConformance('memory, views of their own', ownViews)
