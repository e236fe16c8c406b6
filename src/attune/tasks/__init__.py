"""One file a task: what a row is, how it is rendered, which loss, how a prediction is read, which metrics."""
