import traceback
from tests.services.test_verification import *
def test_dbg(event, race):
    token = joined(event); code = ask(event, token); facts = facts_of(event)
    def w(i):
        try: return verification.prove(facts, token, code)
        except Exception as e: traceback.print_exc(); return e
    print(race(3,w))
