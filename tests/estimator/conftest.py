from tests.passes.conftest import client as client
