"""A node as in Flower's quickstart for PyTorch: a state dict comes in, a DataLoader and torch.optim, a state dict."""

import json

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch.utils.data import DataLoader, TensorDataset

from common.architecture.spec import ArchitectureSpec
from common.data import Examples, Holder, NodeData, load_node_data
from common.models.builder import build
from common.settings import DatasetSettings, TrainingSettings
from common.tasks import Classification, Task

app = ClientApp()


def load(message: Message, context: Context) -> NodeData:
    """Load the node's data."""
    config = message.content["config"]
    settings = DatasetSettings.from_json(json.loads(config["dataset"]))
    return load_node_data(settings, Holder(0, 1, str(context.node_config["data"])), config["seed"])


def network(message: Message) -> torch.nn.Module:
    """Build the network with the weights that came."""
    text = json.loads(message.content["config"]["spec"])
    spec = ArchitectureSpec.from_dict(text["spec"])
    net = build(spec.lower(Task(tuple(text["input_shape"]), Classification(text["num_classes"]))))
    net.load_state_dict(message.content["arrays"].to_torch_state_dict())
    return net


def fit(net: torch.nn.Module, examples: Examples, settings: TrainingSettings, loop: str) -> float:
    """Train; return the mean loss."""
    if loop == "ours":
        from client_app.training import train as ours

        return ours(net, examples, settings, 0)
    data = TensorDataset(torch.from_numpy(examples.x), torch.from_numpy(examples.y))
    loader = DataLoader(data, batch_size=settings.batch_size, shuffle=True)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=settings.learning_rate)
    net.train()
    running = 0.0
    for _ in range(settings.epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(net(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
    return running / len(loader) / settings.epochs


def score(net: torch.nn.Module, examples: Examples) -> tuple[float, float]:
    """Return loss and accuracy."""
    x, y = torch.from_numpy(examples.x), torch.from_numpy(examples.y)
    net.eval()
    with torch.no_grad():
        logits = net(x)
        return torch.nn.functional.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def to_reply(net: torch.nn.Module) -> ArrayRecord:
    """Put the weights into a record."""
    return ArrayRecord(net.state_dict())


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train the model on local data."""
    net, examples, config = network(message), load(message, context).train, message.content["config"]
    loss = fit(net, examples, TrainingSettings.from_json(json.loads(config["training"])), config["loop"])
    metrics = MetricRecord({"train_loss": loss, "num-examples": len(examples)})
    return Message(RecordDict({"arrays": to_reply(net), "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Evaluate the model on local data."""
    net, examples = network(message), load(message, context).validation
    loss, accuracy = score(net, examples)
    metrics = MetricRecord({"eval_loss": loss, "eval_acc": accuracy, "num-examples": len(examples)})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)
