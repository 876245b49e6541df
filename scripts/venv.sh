# Sourced by demo, test and check: `make_venv EXTRA` leaves .venv with infgen and that extra in it.
# A stamp of what was asked makes the second time quick.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

make_venv() {
  local extra=$1 python=${PYTHON:-python3} stamp
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "infgen needs Python 3.11 or newer; set PYTHON to one (found: $("$python" --version 2>&1))" >&2
    exit 2
  fi
  if [ ! -x .venv/bin/python ]; then
    echo "making .venv"
    "$python" -m venv .venv || { echo "no venv module: on Debian, apt-get install python3-venv" >&2; exit 2; }
  fi
  stamp=.venv/.installed-${extra:-base}
  if [ "$(cat "$stamp" 2>/dev/null)" != "$(_wanted)" ]; then
    echo "installing infgen${extra:+ with its $extra tools} (some minutes the first time)"
    case $extra in
      *diffusion*) # first, so that nothing else asks for a build with CUDA where there is none
        .venv/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 ;;
    esac
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".${extra:+[$extra]}"
    _wanted >"$stamp"
  fi
}

_wanted() {
  .venv/bin/python --version
  cksum pyproject.toml
  pwd
}

# Pages are driven in a real browser: Debian's Chromium, where this machine may install it. Without
# one those tests are skipped, and say so.
have_chromium() {
  command -v chromium >/dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
  echo "installing chromium"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 || true
}
