"""The exercises of notebook 3."""

from collections.abc import Callable

import torch

from helpers.exercises import Judge, choice, function, number, numbers


def _test_predictions(predict: Callable) -> str | None:
    """Try a learner's forward of the dot product with biases on a batch of four with vectors of three."""
    generator = torch.Generator().manual_seed(7)
    users, movies = (torch.randn(4, 3, generator=generator) for _ in range(2))
    user_bias, movie_bias = torch.randn(4, generator=generator), torch.randn(4, generator=generator)
    dots = (users * movies).sum(1)
    found = predict(3.5, user_bias, movie_bias, users, movies)
    given = torch.as_tensor(found)
    right = 3.5 + user_bias + movie_bias + dots
    if given.shape == right.shape and torch.allclose(given.to(right), right, atol=1e-5):
        return None
    if given.shape == (4, 3):
        return "There is a prediction for every component of the vectors: add up each row's products with .sum(1)."
    if given.shape == (4, 4):
        return "That pairs every user of the batch with every film (@ does): multiply the components, then .sum(1)."
    if given.shape != right.shape:
        return f"Four ratings went in, so predictions of shape (4,) should come out; yours have {tuple(given.shape)}."
    given = given.to(right)
    if torch.allclose(given, 3.5 + user_bias + movie_bias + dots.sum(), atol=1e-5):
        return "Your sum runs over the whole batch, so all ratings share one dot product: sum each row, with .sum(1)."
    parts = {"the mean": torch.tensor(3.5), "the user's bias": user_bias, "the film's bias": movie_bias}
    for name, part in parts.items():
        if torch.allclose(given, right - part, atol=1e-5):
            return f"Nearly: {name} is missing."
    if torch.allclose(given, right - dots, atol=1e-5):
        return "The dot product is missing: without it there is no taste in the model."
    return "The shape is right, the numbers are not: mean + user bias + film bias + the sum over each row's products."


def _test_most_like(most_like: Callable) -> str | None:
    """Try a learner's nearest direction where length, the row itself and opposite directions lead astray."""
    vectors = [[1.0, 0.0], [30.0, 40.0], [0.2, 0.05], [-2.0, 0.0], [0.5, 0.5], [0.0, 3.0]]
    away = [[1.0, 0.0], [-3.0, 1.0], [-1.0, -1.0], [-2.0, 0.1]]  # every other row points away from row 0
    answers = [most_like(torch.tensor(rows), row) for rows, row in ((vectors, 0), (vectors, 5), (away, 0))]
    try:
        if any(int(answer) != float(answer) for answer in answers):
            raise ValueError
        answers = [int(answer) for answer in answers]
    except (TypeError, ValueError):
        return "One row number is wanted, as a whole number: .argmax().item() gives it."
    if answers == [2, 1, 2]:
        return None
    if answers == [2, 1, 0]:
        return "Where all other vectors point away, yours is most like itself: 0 is no low cosine, -1 is the lowest."
    if answers[:2] == [0, 5]:
        return "Every vector is most like itself: leave the row itself out."
    if answers == [1, 1, 1]:
        return "You cut the row itself out, and those below it moved up by one: give it the lowest cosine instead."
    if answers[0] == 1:
        return "The longest vector wins with you: divide the products by both lengths, so that only direction counts."
    if answers[0] == 3:
        return "That vector points the opposite way, as unlike as can be: take the highest cosine, signs kept."
    if answers[:2] == [2, 1]:
        return f"For {away} the answer for row 0 is 2; yours is {answers[2]}."
    return f"For {vectors} the answers for rows 0 and 5 are 2 and 1; yours are {answers[0]} and {answers[1]}."


EXERCISES: dict[str, Judge] = {
    "3.1": number(
        100 * (1 - 100_836 / (610 * 9_724)),
        {
            100 * 100_836 / (610 * 9_724): "That percentage is filled; the question is about the empty cells.",
            1 - 100_836 / (610 * 9_724): "That is a share; as a percentage it is a hundred times as much.",
            100_836 / (610 * 9_724): "That is the share that is filled, and not yet a percentage.",
        },
        right="More than ninety-eight cells in a hundred are empty: real tables are emptier still than ours.",
        tolerance=4e-3,  # 98 is right, and so is 98.3
        otherwise="The table has users times films cells, and the ratings fill one each.",
    ),
    "3.2": number(
        2,
        {
            3: "You counted ratings: user 3 stands twice in the batch, but has only one row.",
            1: "User 7 has a row as well.",
            1000: "A row that was not looked up does not appear in the loss, so its gradient is zero.",
        },
        right="Rows 3 and 7. The two gradients of user 3 add up in one row.",
    ),
    "3.3": numbers(
        [-2.5, 5.0],
        [
            ([2.5, -5.0], "The sign: the error is predicted minus given, -1.5 - 1 = -2.5."),
            ([-1.25, 2.5], "The derivative of a square has a factor 2."),
            ([-5.0, -10.0], "That is the gradient for the film's vector q: it holds p. The one for p holds q."),
            ([0.5, -1.0], "That is the derivative of p · q alone; the chain rule puts 2 (p · q - r) in front."),
            ([-5.0], "One number, but p has two components: the gradient of a vector is a vector."),
        ],
        right="Twice the error, times q. The update goes against it: towards q if the prediction was too low.",
    ),
    "3.4": function(_test_predictions, right="That is the whole forward of the model on rung 4."),
    "3.5": number(
        153_000,
        {
            150_000: "Those are the vectors; each user and each film also has a bias.",
            153_001: "The mean is measured on the training ratings and stays as it is: it is not learned.",
            3_000: "Those are the biases; each row also has a vector of 50 numbers.",
            2_000 * 1_000 * 50: "A vector for every pair? Users and films each have their own; the pairs share them.",
        },
        right="Half as many again as there are training ratings.",
    ),
    "3.6": choice(
        "b",
        {
            "a": "No model can: the floor is the error that is left when everything but the noise is known.",
            "c": "Initial weights are drawn before the ratings are seen; they cannot know their noise.",
        },
        right="A leak. On real data nobody knows the floor, so a score that is too good is the only warning you get.",
    ),
    "3.7": function(_test_most_like, right="Directions, not lengths, and not itself."),
    "3.8": number(
        3 / 3.15,
        {
            1.0: "That is the plain mean, without the penalty: λ pulls it towards zero.",
            3 / 3.05: "The penalty is charged once per rating: nλ, not λ.",
            3 / 1.05: "Divide by the number of ratings, too: x·x adds up to n.",
            3 / 3.3: "Twice the penalty: both sides of the gradient have the factor 2, and it cancels.",
        },
        right="The mean divided by 1 + λ, whatever the number of ratings: one is trusted as much as a thousand.",
        tolerance=3e-3,  # 0.95 is right to two digits
    ),
    "3.9": choice(
        "b",
        {
            "a": "A random split lets the model look at next month while it predicts this one.",
            "c": "Right about time and customers, but they will meet next month's films, too: new films belong in it.",
            "d": "Right about the time, but new users are not the customers that the shop asks about.",
        },
        right="Ask of every score: does the split look like the question?",
    ),
}
