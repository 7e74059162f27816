"""The methods by name: each is a choice of an objective's fields, with the defaults of its paper.

Every argument is a key of a recipe's method entry. Where a paper leaves a value unsaid the
default is ours and its docstring says so.

Settings:
    alpha: >= 0; shares are drawn from Beta(alpha, alpha), and 0 mixes nothing.
    points: where rows meet: `first`, the model's preferred point; `all`, one of those that it
        offers, drawn for each batch; or a name, or a list of names.
    partner: which rows meet: `any` (a permutation), of an `other_class`, of the `same_class`,
        `balanced` over the batch's classes, or `near` in the targets (C-Mixup).
    per: one share for a `batch`, as in the papers' code, or one for each `row`.
    p: in [0, 1]; the probability that a batch (with `per: row`, a row) is mixed at all.
    bandwidth: of the partner `near`, > 0, in the targets' units; none for the others.
    loss: of logits and targets; `null` is the one that fits the data.
    codec: encodes and decodes; it is fitted once to the training part.
    cached: encode the clean examples once, instead of the augmented batch in every step.
    attack: what perturbs the batch; `null` is what the paper takes.
    inner: the method within, e.g. `{name: mixup, alpha: 0.2}`.
    clean: the method on the clean half; `null` is `inner`.
    eps: a number or a fraction such as `8/255`, in the units of the data (images: pixels in
        [0, 1]).
    hidden: the size at hidden points, in root mean squares of what flows there; `null` is `eps`.
    first: a method.
    second: another method.
    prob: in [0, 1]; the probability of `second`.
    amount: n, how far a row goes: a number, or an interval `[low, high]` that it is drawn from.
    chances: the probabilities of the values of `amount`.
    amounts: `amount` at single points, by name.
"""
