"""Calibration of models on the rows held out from their training. `tests/compare/logs.sh` creates the data and runs this
script.

    python3 tests/compare/calibration.py report.json ...

Each `report.json` is that of one training. Prints the mean predicted probability, the observed churn rate, their difference with
its standard error (the bootstrap over users of the card), the calibration slope and ROC-AUC. Models that know the true
probabilities are within two standard errors on 95 % of logs, and the mean difference over logs is within two of its standard errors.
A trained model knows the churn rate from its training rows only. The second standard error adds the error of that rate, about
the rate divided by the square root of the number of churned users.
"""

import json
import math
import sys


def main():
    differences = []
    print("  rows  churned  predicted  observed  difference  standard error  in SE  slope  ROC-AUC  family")
    for path in sys.argv[1:]:
        with open(path) as file:
            card = json.load(file)["card"]
        rows, churned = card["test"]["rows"], card["test"]["positives"]
        estimate = card["metrics"]["calibration_in_the_large"]
        # Predicted minus observed; the card has the opposite sign.
        difference, error = -estimate["value"], (estimate["high"] - estimate["low"]) / (2 * 1.96)
        observed = churned / rows
        train = card["training"]
        both = math.hypot(error, train["positives"] / train["rows"] / math.sqrt(train["positive_users"]))
        differences.append((difference, error, both, observed))
        slope, auc = card["calibration"]["slope"]["value"] or math.nan, card["metrics"]["roc_auc"]["value"]
        print(f"{rows:6} {churned:8} {observed + difference:10.4f} {observed:9.4f} {difference:+11.4f} {error:15.4f}"
              f" {difference / error:+6.2f} {slope:6.2f} {auc:8.3f}  {card['family']}")
    n = len(differences)
    mean = sum(d for d, *_ in differences) / n
    spread = math.sqrt(sum((d - mean) ** 2 for d, *_ in differences) / max(n - 1, 1))
    within = [sum(abs(d[0]) <= 2 * d[which] for d in differences) for which in (1, 2)]
    rate = sum(d[3] for d in differences) / n
    print(f"\n{within[0]} of {n} differences are within 2 standard errors of the held-out rows, {within[1]} within 2 standard "
          "errors of held-out and training rows")
    print(f"mean difference {mean:+.4f}, standard error {spread / math.sqrt(n):.4f}, {mean / rate:+.1%} of the mean rate {rate:.4f}")


if __name__ == "__main__":
    main()
