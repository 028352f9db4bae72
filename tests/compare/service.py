"""The service that tests/latency.sh compares `predict` with: FastAPI, pandas and scikit-learn, as a Python team writes it first.

`POST /predict` computes features of the events in the request and returns the probability of a random forest. The model is fitted
at the start, to random rows: its speed does not depend on what it has learned. Usage: service.py PORT
"""

import sys

import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.ensemble import RandomForestClassifier

PAGES = ["NextSong", "Thumbs Up", "Thumbs Down", "Add to Playlist", "Add Friend", "Roll Advert", "Home", "Logout", "Help", "Error",
         "About", "Settings", "Upgrade", "Downgrade"]


class Event(BaseModel):
    ts: int
    userId: str
    sessionId: int
    page: str
    level: str | None = None
    itemInSession: int | None = None
    registration: float | None = None
    gender: str | None = None
    artist: str | None = None
    song: str | None = None
    length: float | None = None


class Request(BaseModel):
    events: list[Event]


def features(events: list[Event]) -> pd.DataFrame:
    log = pd.DataFrame([event.model_dump() for event in events]).sort_values("ts")
    time = pd.to_datetime(log["ts"], unit="ms")
    sessions = log.groupby("sessionId").agg(first=("ts", "min"), last=("ts", "max"), items=("page", "size"))
    counts = log["page"].value_counts()
    row = {f"n_{page}": counts.get(page, 0) for page in PAGES}
    row["events"] = len(log)
    row["sessions"] = len(sessions)
    row["active_days"] = time.dt.date.nunique()
    row["minutes"] = ((sessions["last"] - sessions["first"]) / 60_000).mean()
    row["items"] = sessions["items"].mean()
    row["listened"] = log["length"].sum() / 60
    row["songs"] = log["song"].nunique()
    row["artists"] = log["artist"].nunique()
    row["paid_share"] = (log["level"] == "paid").mean()
    row["level_changes"] = (log["level"] != log["level"].shift()).sum()
    row["tenure_days"] = (log["ts"].max() - log["registration"].min()) / 86_400_000
    row["is_female"] = int(log["gender"].iloc[-1] == "F")
    return pd.DataFrame([row]).fillna(0)


sample = [Event(ts=0, userId="1", sessionId=1, page="Home", level="free", registration=0, gender="F", length=0)]
columns = features(sample).columns
random = np.random.default_rng(1)
rows = pd.DataFrame(random.random((2000, len(columns))), columns=columns)
model = RandomForestClassifier(n_estimators=100, max_depth=10, random_state=1).fit(rows, random.random(2000) < 0.2)

app = FastAPI()


@app.post("/predict")
def predict(request: Request):
    probability = float(model.predict_proba(features(request.events)[columns])[0, 1])
    return {"user_id": request.events[-1].userId, "churn_probability": probability, "churn_label": int(probability >= 0.5)}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
