# fewlabels on a CPU, at the versions of requirements.lock:
#   docker build -t fewlabels .
#   docker run --rm -v "$PWD":/data --user "$(id -u):$(id -g)" fewlabels train photos --labels labels.csv --method fixmatch --out run
FROM python:3.11-slim

WORKDIR /opt/fewlabels
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir --no-deps .

# The cache belongs to whichever user the container runs as.
ENV FEWLABELS_CACHE=/tmp/fewlabels
WORKDIR /data
ENTRYPOINT ["fewlabels"]
