"""The embedded ratings: 125,000 invented ratings of invented films, the same on every machine, with the truth known.

How a rating comes about, in stars (every part is kept in `Truth`):

    leaning = base level + user bias + movie bias + user taste · movie taste + drift with time
    P(level k | leaning) ∝ liking(k) · exp(-(k - leaning)² / (2 · SPREAD²))      for k = 0.5, 1.0, … 5.0

`liking` makes whole stars commoner than halves, as they are in MovieLens. There are only ten levels, so the mean and
the variance of every rating are sums of ten terms: the best possible prediction and its error are known exactly.

All draws come from `numpy.random.RandomState`, whose streams NumPy keeps the same in every version.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.data.titles import invent_titles

NUM_USERS, NUM_MOVIES, NUM_RATINGS = 1_000, 2_000, 125_000
SEED = 42
GENRES = ("Action", "Animation", "Comedy", "Documentary", "Drama", "Horror", "Romance", "Sci-Fi")
LEVELS = np.arange(1, 11) / 2  # half stars, 0.5 to 5.0

# Stars, and standard deviations unless it says otherwise.
BASE_LEVEL = 3.32
USER_BIAS, MOVIE_BIAS, TASTE = 0.50, 0.50, 0.62
QUIRK = 0.08  # of a movie's taste: what its genres do not say (a film of one genre has 1 of it)
SPREAD = 0.95  # of the noise around the leaning
# Of the ten levels; fitted until their shares came out as in ml-latest-small.
LIKING = np.array([0.41, 0.44, 0.17, 0.45, 0.25, 0.74, 0.47, 1.00, 0.38, 0.77])

# Who rates what: long tails, and people see more of what they like.
FEWEST, MOST = 20, 900  # ratings per user
ACTIVITY, POPULARITY = 1.25, 1.7  # of the logarithms of ratings per user and per movie
MOST_POPULAR = 2.0  # in units of POPULARITY: past it a film is simply known to all
SELECTION = 1.0  # a film that suits a taste by one star more is e times as likely to be seen

# When: users come for a week-end or for years, films of the window's years appear in them, everything drifts a little.
FIRST_YEAR, LAST_YEAR = 1950, 2024
WINDOW_START, WINDOW_DAYS = 1_514_764_800, 2_556  # 1 January 2018 (UTC), seven years
DAY, YEAR = 86_400, 365.25 * 86_400  # seconds
MAX_VISITS = 12
HARSHER, HARSHER_SPREAD = 0.05, 0.04  # mean and spread over users: stars lost per year since the first visit
FADING, FADING_SPREAD = 0.02, 0.02  # mean and spread over movies: stars lost per year since the window opened
TASTE_DRIFT = 0.05  # how much of somebody else's taste is added per year


@dataclass(frozen=True, repr=False, eq=False)
class Truth:
    """What the generator planted. Arrays go by row number (user, movie) or by rating, and are read-only."""

    genres: tuple[str, ...]
    user_tastes: np.ndarray  # (num_users, num_genres) stars, in the middle of the user's time; each row sums to 0
    movie_tastes: np.ndarray  # (num_movies, num_genres) how much of each genre is in the film
    user_bias: np.ndarray  # (num_users,) stars
    movie_bias: np.ndarray  # (num_movies,) stars
    global_mean: float  # stars: the mean of `expected_rating`
    expected_rating: np.ndarray  # (num_ratings,) E[rating | user, movie, time], stars: the best possible prediction
    rating_variance: np.ndarray  # (num_ratings,) Var[rating | user, movie, time], stars²
    rating: np.ndarray  # (num_ratings,) stars: what was then drawn

    def __repr__(self) -> str:
        return f"Truth(tastes in {', '.join(self.genres)}; noise floor {self.noise_floor():.3f} stars)"

    def noise_floor(self, ratings_index: np.ndarray | slice | None = None) -> float:
        """RMSE in stars of the best possible prediction on these ratings (all of them without an index)."""
        index = slice(None) if ratings_index is None else ratings_index
        error = self.rating[index] - self.expected_rating[index]
        return float(np.sqrt(np.mean(error**2)))


def generate() -> tuple[pd.DataFrame, pd.DataFrame, Truth]:
    """Ratings (user_id, movie_id, rating, timestamp), movies (movie_id, title, genres, year), and the truth."""
    random = np.random.RandomState(SEED)
    movies, movie_tastes = _make_movies(random)
    user_tastes = _make_user_tastes(random)
    user_bias = USER_BIAS * random.standard_normal(NUM_USERS)
    movie_bias = MOVIE_BIAS * random.standard_normal(NUM_MOVIES)
    leaning_to = np.einsum("ug,mg->um", user_tastes, movie_tastes)
    visits = _make_visits(random)
    appears = _appearances(random, movies["year"].to_numpy())
    user, movie = _choose_films(random, leaning_to, movie_bias, appears, visits[:, -1])
    timestamp = _rate_at(random, visits, appears, user, movie)

    drift = _drift(random, user_tastes, movie_tastes, user, movie, timestamp, visits)
    leaning = BASE_LEVEL + user_bias[user] + movie_bias[movie] + leaning_to[user, movie] + drift
    rating, expected, variance = _draw_ratings(random, leaning)

    user_ids = np.sort(random.permutation(9_000)[:NUM_USERS] + 1)
    movie_ids = np.sort(random.permutation(20_000)[:NUM_MOVIES] + 1)
    movies.insert(0, "movie_id", movie_ids)
    table = pd.DataFrame(
        {"user_id": user_ids[user], "movie_id": movie_ids[movie], "rating": rating, "timestamp": timestamp}
    )
    truth = Truth(
        GENRES, user_tastes, movie_tastes, user_bias, movie_bias, float(expected.mean()), expected, variance, rating
    )
    for array in vars(truth).values():
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    return table, movies, truth


def level_chances(leaning: np.ndarray) -> np.ndarray:
    """(N,) leanings in stars -> (N, 10) probabilities of the ten levels."""
    chances = LIKING * np.exp(-((LEVELS - leaning[:, None]) ** 2) / (2 * SPREAD**2))
    return chances / chances.sum(axis=1, keepdims=True)


def _draw_ratings(random: np.random.RandomState, leaning: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chances = level_chances(leaning)
    expected = (chances * LEVELS).sum(axis=1)
    variance = (chances * (LEVELS - expected[:, None]) ** 2).sum(axis=1)
    drawn = (chances.cumsum(axis=1)[:, :-1] < random.random_sample(len(leaning))[:, None]).sum(axis=1)
    return LEVELS[drawn], expected, variance


# How often a genre leads a film, and which genres (columns) join the leading one (rows); both in the order of GENRES.
_HOW_OFTEN = np.array([0.16, 0.07, 0.21, 0.07, 0.21, 0.09, 0.08, 0.11])
_JOINS = np.array(
    [
        [0, 2, 4, 0, 3, 2, 2, 5],  # Action
        [3, 0, 6, 0, 1, 1, 1, 3],  # Animation
        [3, 2, 0, 1, 4, 2, 6, 2],  # Comedy
        [1, 0, 2, 0, 4, 0, 0, 0],  # Documentary
        [3, 0, 4, 1, 0, 1, 6, 2],  # Drama
        [2, 1, 3, 0, 2, 0, 1, 4],  # Horror
        [1, 1, 6, 0, 6, 0, 0, 1],  # Romance
        [5, 1, 2, 0, 2, 3, 1, 0],  # Sci-Fi
    ]
)
_WEIGHTS = np.array([1.0, 0.8, 0.5])  # how much a film is of its first, second, third genre


def _make_movies(random: np.random.RandomState) -> tuple[pd.DataFrame, np.ndarray]:
    how_many = 1 + np.searchsorted([0.42, 0.86], random.random_sample(NUM_MOVIES))
    age = random.random_sample(NUM_MOVIES) ** 2.2 * (LAST_YEAR - FIRST_YEAR + 1)
    tastes = np.zeros((NUM_MOVIES, len(GENRES)))
    genres = []
    for movie, count in enumerate(how_many):
        places = [_pick(random, _HOW_OFTEN)]
        while len(places) < count:
            joins = _JOINS[places[0]].copy()
            joins[places] = 0
            places.append(_pick(random, joins))
        tastes[movie, places] = _WEIGHTS[:count] / np.linalg.norm(_WEIGHTS[:count])
        genres.append([GENRES[place] for place in places])
    year = LAST_YEAR - age.astype(int)
    tastes += QUIRK * random.standard_normal(tastes.shape)
    titles = [f"{title} ({when})" for title, when in zip(invent_titles(genres, SEED), year, strict=True)]
    written = ["|".join(sorted(names)) for names in genres]
    return pd.DataFrame({"title": titles, "genres": written, "year": year}), tastes


def _pick(random: np.random.RandomState, weights: np.ndarray) -> int:
    return int(np.searchsorted(np.cumsum(weights), random.random_sample() * weights.sum(), side="right"))


# Genres sit on a wheel, and neighbours are liked by the same people: Action, Horror, Sci-Fi, Documentary, Drama,
# Romance, Comedy, Animation, and round to Action. A user leans somewhere on it, and has likings of their own besides.
_ANGLE = np.array([0, 7, 6, 3, 4, 1, 5, 2]) * np.pi / 4  # in the order of GENRES
_WHEEL = np.stack([np.cos(_ANGLE), np.sin(_ANGLE)])
_OWN = 0.25  # against 1 for the wheel


def _make_user_tastes(random: np.random.RandomState) -> np.ndarray:
    moods = random.standard_normal((NUM_USERS, 2))
    own = random.standard_normal((NUM_USERS, len(GENRES)))
    tastes = np.einsum("uk,kg->ug", moods, _WHEEL) + _OWN * own
    tastes -= tastes.mean(axis=1, keepdims=True)  # relative: liking everything is the bias's part
    return TASTE * tastes / tastes.std()


def _make_visits(random: np.random.RandomState) -> np.ndarray:
    """(num_users, MAX_VISITS) seconds, sorted: when each user sits down to rate. Whole numbers, so exact everywhere."""
    joined = random.randint(0, WINDOW_DAYS * 3 // 5, NUM_USERS, dtype=np.int64)
    comes_once = random.randint(0, 10, NUM_USERS, dtype=np.int64) < 3
    stays = np.where(comes_once, 3, random.randint(200, 1_600, NUM_USERS, dtype=np.int64))  # days
    later = random.randint(0, 1_000_000, (NUM_USERS, MAX_VISITS), dtype=np.int64) * stays[:, None] // 1_000_000
    later[:, 0] = 0
    day = np.minimum(joined[:, None] + later, WINDOW_DAYS - 1)
    hour = random.randint(6, 23, day.shape, dtype=np.int64)
    return WINDOW_START + np.sort(day * DAY + hour * 3_600, axis=1)


def _appearances(random: np.random.RandomState, year: np.ndarray) -> np.ndarray:
    """(num_movies,) seconds: films of the window's years appear on a day of their year, older ones are there."""
    days = (year - 2018) * 365 + random.randint(0, 365, NUM_MOVIES, dtype=np.int64)
    return WINDOW_START + np.where(year < 2018, 0, days) * DAY


def _choose_films(
    random: np.random.RandomState,
    leaning_to: np.ndarray,
    movie_bias: np.ndarray,
    appears: np.ndarray,
    last_visit: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The unique (user, movie) pairs, sorted: popular films more often, and what a user likes more often."""
    popularity = POPULARITY * np.minimum(random.standard_normal(NUM_MOVIES), MOST_POPULAR) + 0.3 * movie_bias
    # The n largest keys are a weighted draw without replacement (Gumbel top-k: Kool et al. 2019, arXiv 1903.06059).
    keys = popularity + SELECTION * leaning_to - np.log(-np.log(random.random_sample(leaning_to.shape)))
    keys[appears[None, :] > last_visit[:, None]] = -np.inf
    how_many = _how_many_each(random)
    least_key = np.take_along_axis(np.sort(keys, axis=1), NUM_MOVIES - how_many[:, None], axis=1)
    chosen = keys >= least_key
    _rate_the_unrated(chosen, keys)
    user, movie = np.nonzero(chosen)
    return user, movie


def _how_many_each(random: np.random.RandomState) -> np.ndarray:
    """(num_users,) ratings per user: a long tail, 20 to 900, exactly 125,000 together."""
    wish = np.exp(ACTIVITY * random.standard_normal(NUM_USERS))
    low, high = 0.0, 1_000.0
    for _ in range(60):  # bisection on the factor
        factor = (low + high) / 2
        counts = np.clip(wish * factor, FEWEST, MOST).astype(int)
        low, high = (factor, high) if counts.sum() < NUM_RATINGS else (low, factor)
    counts = np.clip(wish * low, FEWEST, MOST).astype(int)
    middle = np.flatnonzero((counts > FEWEST) & (counts < MOST))
    counts[middle[: NUM_RATINGS - counts.sum()]] += 1
    return counts


def _rate_the_unrated(chosen: np.ndarray, keys: np.ndarray) -> None:
    """A film nobody chose replaces its keenest user's most rated film, so that every film has a rating."""
    for movie in np.flatnonzero(~chosen.any(axis=0)):
        user = int(np.argmax(keys[:, movie]))
        most_rated = np.argmax(np.where(chosen[user], chosen.sum(axis=0), 0))
        chosen[user, most_rated], chosen[user, movie] = False, True


def _rate_at(
    random: np.random.RandomState, visits: np.ndarray, appears: np.ndarray, user: np.ndarray, movie: np.ndarray
) -> np.ndarray:
    """(num_ratings,) seconds: within one of the user's visits after the film appeared."""
    first = (visits[user] < appears[movie][:, None]).sum(axis=1)
    visit = first + random.randint(0, 1_000_000, len(user), dtype=np.int64) * (MAX_VISITS - first) // 1_000_000
    return visits[user, visit] + random.randint(0, 7_200, len(user), dtype=np.int64)


def _drift(
    random: np.random.RandomState,
    user_tastes: np.ndarray,
    movie_tastes: np.ndarray,
    user: np.ndarray,
    movie: np.ndarray,
    timestamp: np.ndarray,
    visits: np.ndarray,
) -> np.ndarray:
    """(num_ratings,) stars: users grow harsher, films fade, tastes turn, each by a little every year."""
    harsher = HARSHER + HARSHER_SPREAD * random.standard_normal(NUM_USERS)
    fading = FADING + FADING_SPREAD * random.standard_normal(NUM_MOVIES)
    turn = TASTE_DRIFT * user_tastes[random.permutation(NUM_USERS)]
    since_joining = (timestamp - visits[user, 0]) / YEAR
    since_start = (timestamp - WINDOW_START) / YEAR
    off_middle = (timestamp - visits.mean(axis=1)[user]) / YEAR
    turned = np.einsum("rg,rg->r", turn[user], movie_tastes[movie])
    return turned * off_middle - harsher[user] * since_joining - fading[movie] * since_start
