// A paid endpoint: a forecast for a cent, and one that costs by its length.
import { paid } from "@tollbook/express";
import { decimalOf, exactOf } from "@tollbook/sdk";
import express from "express";

const app = express();

app.get("/weather/:city", paid({ price: "0.01", description: "Tomorrow's weather in a city" }), (request, response) => {
  response.json({ city: request.params.city, forecast: "sunny", celsius: 21 });
});

// At most five cents are held; what is charged is 0.0001 for each byte of the answer.
const perByte = exactOf("0.0001");
const cost = (_request, _response, { bytes }) => decimalOf(BigInt(bytes) * perByte);
app.get("/poem", paid({ price: "0.05", cost }), (_request, response) => {
  response.type("text").send("The tide keeps books no clerk can read:\nit lends by night, by day takes heed.\n");
});

const port = Number(process.env.PORT ?? 4021);
const server = app.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
