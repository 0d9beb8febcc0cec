# One image for every service; compose.yaml gives each its command.
# Not built with a Docker engine here: the commands below and those of compose.yaml were run as processes.
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements/run.txt requirements/solver.txt requirements/
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes \
    --requirement requirements/run.txt --requirement requirements/solver.txt
COPY . .
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable .

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin nextmove \
    && install --directory --owner nextmove --group nextmove /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 NEXTMOVE_DATA_DIR=/data NEXTMOVE_HOST=0.0.0.0 NEXTMOVE_PORT=5000
USER nextmove
VOLUME /data
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-I", "-c", "import http.client as h; c = h.HTTPConnection('localhost', 5000, timeout=4); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["nextmove", "web", "--prepare"]
