"""The page that asks for the key."""

from __future__ import annotations

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>infgen studio: sign in</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center;
  min-height: 90vh; margin: 0; }}
form {{ width: min(20rem, 90vw); display: grid; gap: .75rem; }}
h1 {{ font-size: 1.25rem; margin: 0 0 .5rem; }}
label {{ display: grid; gap: .25rem; font-size: .875rem; }}
input, button {{ font: inherit; padding: .5rem .625rem; border-radius: .375rem;
  border: 1px solid GrayText; }}
button {{ background: #2457a6; color: #fff; border-color: #2457a6; cursor: pointer; }}
p {{ margin: 0; color: light-dark(#a3231a, #ff9d94); }}
</style>
</head>
<body>
<form method="post" action="login">
<h1>infgen studio</h1>
{wrong}{user}
<label>{secret}
<input name="password" type="password" autocomplete="current-password" required autofocus></label>
<button>Sign in</button>
</form>
</body>
</html>
"""
USER = """\
<label>User
<input name="username" autocomplete="username" required></label>"""
WRONG = '<p role="alert">That isn\'t right. Try again.</p>\n'


def sign_in_page(with_user: bool, wrong: bool) -> str:
    """The page, for a user and password or for a key alone; `wrong` if that was tried in vain."""
    return PAGE.format(
        wrong=WRONG if wrong else "",
        user=USER if with_user else "",
        secret="Password" if with_user else "Key",
    )
