"""How the course's server, started by `make lab` or `binder/start`, sends: at once.

TCP keeps the second of two small messages back until the other side has acknowledged the first, and Linux may take
40 ms over that if the browser has nothing else to say. A part that trains sends small messages all the time, so that
the answer to a slider would wait behind them.
"""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class SendsAtOnce(ZMQChannelsWebsocketConnection):
    """The connection between a page and a kernel, with TCP's waiting switched off."""

    def connect(self):
        self.websocket_handler.set_nodelay(True)
        return super().connect()


# Jupyter hands `c` to its settings files.
c.ServerApp.kernel_websocket_connection_class = SendsAtOnce  # noqa: F821
